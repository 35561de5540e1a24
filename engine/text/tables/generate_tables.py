#!/usr/bin/env python3
"""Writes the tables of this folder from the Python libraries that open_clip's tokenizer calls.

Usage: generate_tables.py [FOLDER]        (needs the packages `regex` and `ftfy`)

The tables, and not the system's Unicode library, decide what is a letter, a number or cased, so that ids do not
depend on the machine. Run it again to follow newer Unicode data; the header of each table says what it was made from.
"""

import html
import html.entities
import importlib.metadata
import pathlib
import re
import re._constants as sre
import re._parser
import sys
import unicodedata

import ftfy.badness
import ftfy.chardata
import regex

ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
PYTHON = f"Python's unicodedata {unicodedata.unidata_version}"
FTFY = f"ftfy {importlib.metadata.version('ftfy')} (Apache-2.0, Robyn Speer)"


def ranges(chars):
    out = []
    for c in map(ord, chars):
        if out and c == out[-1][1] + 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def rows(items, width=120):
    line = "   "
    for item in items:
        if len(line) + 2 + len(item) > width:
            yield line
            line = "   "
        line += f" {item},"
    yield line


def table(kind, name, items):
    return [f"constexpr {kind} {name}[] = {{", *rows(items), "};"]


def range_table(name, chars):
    return table("CodePointRange", name, [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(chars)])


def write(folder, name, source, lines):
    head = [f"// Made by generate_tables.py from {source}. Do not edit."]
    (folder / name).write_text("\n".join(head + lines) + "\n")


def letters_and_numbers(folder):
    def matching(pattern):
        return [c for c in ALL if regex.fullmatch(pattern, c)]

    write(folder, "letters_and_numbers.inc", f"regex {importlib.metadata.version('regex')}",
          range_table("kLetters", matching(r"\p{L}")) + range_table("kNumbers", matching(r"\p{N}")))


def casing(folder):
    """What str.lower() looks at around a capital sigma, found by asking it."""
    ignorable, cased = [], []
    for c in ALL:
        if (c + "Σ").lower().endswith("ς"):
            cased.append(c)
        elif ("A" + c + "Σ").lower().endswith("ς"):
            ignorable.append(c)
    write(folder, "casing.inc", PYTHON, range_table("kCased", cased) + range_table("kCaseIgnorable", ignorable))


def entity(name, value):
    points = [f"0x{ord(c):X}" for c in value]
    assert 1 <= len(points) <= 3, name
    return f'{{"{name}", {{{", ".join(points)}}}}}'


def html_entities(folder):
    html5 = html.entities.html5
    # ftfy also reads some names in capitals; those are not HTML.
    capitals = {k[1:]: v for k, v in ftfy.chardata.HTML_ENTITIES.items() if k[1:] not in html5}
    assert all(ftfy.chardata.HTML_ENTITIES["&" + k] == v for k, v in html5.items() if k.endswith(";"))
    assert all(len(k) - 1 <= 32 for k in html5)
    write(folder, "html_entities.inc", f"html.entities of Python and {FTFY}",
          table("HtmlEntity", "kHtml5Entities", [entity(k, html5[k]) for k in sorted(html5)])
          + table("HtmlEntity", "kCapitalEntities", [entity(k, capitals[k]) for k in sorted(capitals)]))


class Patterns:
    """Regular expressions without repeats, as alternatives of sequences of numbered character sets.

    Set 0 ends a sequence; 254 is Python's \\w and 255 the beginning of the text, which the reader knows.
    """

    WORD, BEGINNING = 254, 255

    def __init__(self):
        self.sets = [()]

    def number(self, members):
        key = tuple(map(tuple, ranges(sorted(map(chr, members)))))
        if key not in self.sets:
            self.sets.append(key)
        return self.sets.index(key)

    @classmethod
    def members(cls, items):
        out, negate = set(), False
        for op, value in items:
            if op is sre.NEGATE:
                negate = True
            elif op is sre.LITERAL:
                out.add(value)
            elif op is sre.RANGE:
                out.update(range(value[0], value[1] + 1))
            else:
                assert value is sre.CATEGORY_SPACE, (op, value)
                out.update(ord(c) for c in ALL if c.isspace())
        return set(map(ord, ALL)) - out if negate else out

    def element(self, op, value):
        if op is sre.LITERAL:
            return self.number({value})
        if op is sre.ANY:
            return self.number(set(map(ord, ALL)) - {ord("\n")})
        if op is sre.AT and value is sre.AT_BEGINNING:
            return self.BEGINNING
        assert op is sre.IN, op
        if value == [(sre.CATEGORY, sre.CATEGORY_WORD)]:
            return self.WORD
        return self.number(self.members(value))

    def sequences(self, parsed):
        """All sequences of set numbers that a concatenation stands for: more than one where it has an optional part."""
        out = [[]]
        for op, value in parsed:
            if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
                low, high, part = value
                parts = [list(p) * n for n in range(high, low - 1, -1) for p in self.sequences(part)]
                out = [head + tail for head in out for tail in parts]
            else:
                out = [head + [self.element(op, value)] for head in out]
        return out

    def alternatives(self, parsed):
        [(op, (_, branches))] = parsed
        assert op is sre.BRANCH
        return [sequence for branch in branches for sequence in self.sequences(branch)]

    def table(self, name, sequences):
        return table("SetSequence", name, ["{" + ", ".join(map(str, s)) + "}" for s in sequences])

    def set_tables(self):
        lines = table("CodePointRange", "kRanges", [f"{{0x{a:X}, 0x{b:X}}}" for s in self.sets for a, b in s])
        ends, end = [], 0
        for s in self.sets:
            end += len(s)
            ends.append(str(end))
        return lines + table("uint16_t", "kSetEnds", ends)


def mojibake(folder):
    patterns = Patterns()
    parse = re._parser.parse
    badness = patterns.alternatives(parse(ftfy.badness.BADNESS_RE.pattern, re.VERBOSE))
    lossy = patterns.alternatives(parse(ftfy.chardata.LOSSY_UTF8_RE.pattern))
    altered = patterns.alternatives(parse(ftfy.chardata.ALTERED_UTF8_RE.pattern))
    lookbehind, (_, (_, _, [(_, (_, _, _, group))])) = parse(ftfy.chardata.UTF8_DETECTOR_RE.pattern, re.VERBOSE)
    before = patterns.sequences(lookbehind[1][1])
    detector = patterns.alternatives(group)

    charmaps = []
    for encoding in ftfy.chardata.CHARMAP_ENCODINGS:
        decoded = bytes(range(0x80, 0x100)).decode(encoding)
        assert len(set(decoded)) == 128 and decoded.isascii() is False
        sloppy = b"\x1a".decode(encoding) == "\ufffd"
        assert sloppy == encoding.startswith("sloppy")
        charmaps += [f"{{{str(sloppy).lower()}, {str(encoding != 'macroman').lower()}, {{  // {encoding}",
                     *rows([f"0x{ord(c):X}" for c in decoded]), "}},"]
    write(folder, "mojibake.inc", FTFY,
          patterns.table("kBadness", badness) + patterns.table("kLossyUtf8", lossy)
          + patterns.table("kAlteredUtf8", altered) + patterns.table("kUtf8Detector", detector)
          + [f"constexpr uint8_t kNotBeforeDetector = {before[0][0]};"]
          + patterns.set_tables() + ["constexpr Charmap kCharmaps[] = {", *charmaps, "};"])


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    letters_and_numbers(folder)
    casing(folder)
    html_entities(folder)
    mojibake(folder)


if __name__ == "__main__":
    main()
