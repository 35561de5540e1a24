// The words that fit best where somebody points: a card beside the cursor, and a sentence for who does not see it.
const kWords = 5, kPatience = 250;  // ms, so that a sentence is not said for each key of a walk

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export class Readout {
  #card;
  #cross;
  #spoken;
  #timer = 0;

  constructor(card, cross, spoken) {
    this.#card = card;
    this.#cross = cross;
    this.#spoken = spoken;
  }

  hide() {
    this.#card.hidden = this.#cross.hidden = true;
  }

  // `at`: of the picture, 0 … 1; `words`: the best first; `note`: instead of them.
  show(at, {title, words, note, colorOf}, aloud) {
    for (const part of [this.#card, this.#cross]) {
      part.style.setProperty("--x", `${100 * at.x}%`);
      part.style.setProperty("--y", `${100 * at.y}%`);
      part.hidden = false;
    }
    this.#card.classList.toggle("to-left", at.x > 0.55);
    this.#card.classList.toggle("to-top", at.y > 0.55);
    const head = Object.assign(document.createElement("p"), {className: "where", textContent: title});
    this.#card.replaceChildren(head, ...words.slice(0, kWords).map((word) => this.#row(word, colorOf(word.id))));
    if (note) this.#card.append(Object.assign(document.createElement("p"), {className: "note", textContent: note}));
    clearTimeout(this.#timer);
    if (!aloud) return;
    const sentence = `${title}: ${words.slice(0, 3).map(({name, score}) => (score === undefined ? name : `${name} ${percent(score)}`)).join(", ")}`;
    this.#timer = setTimeout(() => (this.#spoken.textContent = sentence), kPatience);
  }

  #row({id, name, word, score}, color) {
    const row = document.createElement("div");
    row.className = "word";
    row.dataset.id = id;
    row.style.setProperty("--of-class", color);
    row.append(Object.assign(document.createElement("span"), {className: "swatch"}));
    const text = Object.assign(document.createElement("span"), {className: "what", textContent: name});
    if (word !== undefined && word !== name) text.append(Object.assign(document.createElement("small"), {textContent: ` ${word}`}));
    row.append(text);
    if (score !== undefined) {
      row.style.setProperty("--share", `${100 * score}%`);
      row.append(Object.assign(document.createElement("span"), {className: "score", textContent: percent(score)}));
    }
    return row;
  }
}
