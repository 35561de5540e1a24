// Words as `sclip segment --classes` reads them: classes by ";", here also by lines; a name in double quotes may hold any character.
export function splitWords(text) {
  const quotes = (text.match(/"/g) ?? []).length % 2 === 0;
  const pieces = [""];
  let quoted = false;
  for (const c of text) {
    if (c === '"' && quotes) quoted = !quoted;
    if (!quoted && /[;\n\r]/.test(c)) {
      pieces.push("");
    } else {
      pieces[pieces.length - 1] += c;
    }
  }
  return pieces.map((piece) => piece.trim().replace(/^,+|,+$/g, "").trim()).filter(Boolean);
}

// What the service will call a class.
export function nameOf(word) {
  const [, quoted, bare] = word.match(/^\s*(?:"((?:[^"]|"")*)"|([^,=]*))/);
  return quoted?.replaceAll('""', '"') ?? bare.trim();
}

export function joinWords(words) {
  return words.join("; ");
}

// A class of a list, written as a person would.
export function writeClass({name, queries}) {
  const written = (text) => (/[;,="\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const synonyms = queries.map(written).join(", ");
  return name === queries[0] ? synonyms : `${written(name)} = ${synonyms}`;
}
