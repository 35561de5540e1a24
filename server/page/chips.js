// The words that are looked for, a chip each: added by Enter, edited by pressing one, removed by its cross, Delete or Backspace.
import {splitWords} from "./words.js";

export class Chips {
  #list;
  #input;
  #changed;
  #words = [];

  constructor(list, input, changed) {
    this.#list = list;
    this.#input = input;
    this.#changed = changed;
    input.addEventListener("keydown", (event) => this.#typed(event));
    input.addEventListener("paste", (event) => this.#pasted(event));
    input.addEventListener("input", () => this.#split());
  }

  get words() {
    return this.#words;
  }

  set(words) {
    this.#words = [...new Set(words)];
    this.#show();
    this.#changed();
  }

  add(text) {
    this.#input.value = "";
    const more = splitWords(text).filter((word) => !this.#words.includes(word));
    if (more.length > 0) this.set([...this.#words, ...more]);
  }

  // The colour of each chip's class.
  paint(colors) {
    [...this.#list.children].forEach((chip, i) => chip.style.setProperty("--of-class", colors[i]));
  }

  #typed(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.add(this.#input.value);
    } else if ((event.key === "Backspace" || event.key === "ArrowLeft") && this.#input.value === "") {
      this.#list.lastElementChild?.firstElementChild.focus();
    }
  }

  #pasted(event) {
    const text = event.clipboardData.getData("text");
    if (splitWords(text).length < 2) return;
    event.preventDefault();
    this.add(`${this.#input.value}${text}`);
  }

  // A ";" ends a word, wherever it comes from: a phone's keyboard says nothing of its keys.
  #split() {
    if (/;\s*$/.test(this.#input.value) && splitWords(this.#input.value).length > 0) this.add(this.#input.value);
  }

  #remove(i) {
    this.set(this.#words.filter((_, other) => other !== i));
    const next = this.#list.children[Math.min(i, this.#list.children.length - 1)];
    (next?.firstElementChild ?? this.#input).focus();
  }

  #edit(i) {
    const word = this.#words[i];
    this.set(this.#words.filter((_, other) => other !== i));
    this.#input.value = word;
    this.#input.focus();
  }

  #chipKey(event, i) {
    const chip = this.#list.children[i];
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#remove(i);
    } else if (event.key === "ArrowLeft") {
      chip.previousElementSibling?.firstElementChild.focus();
    } else if (event.key === "ArrowRight") {
      (chip.nextElementSibling?.firstElementChild ?? this.#input).focus();
    }
  }

  #show() {
    this.#list.replaceChildren(...this.#words.map((word, i) => {
      const chip = document.createElement("li");
      const text = Object.assign(document.createElement("button"), {type: "button", className: "text", textContent: word});
      text.setAttribute("aria-label", `Edit ${word}`);
      text.setAttribute("aria-keyshortcuts", "Delete");
      text.addEventListener("click", () => this.#edit(i));
      const cross = Object.assign(document.createElement("button"), {type: "button", className: "cross-out", textContent: "×"});
      cross.setAttribute("aria-label", `Remove ${word}`);
      cross.addEventListener("click", () => this.#remove(i));
      chip.addEventListener("keydown", (event) => this.#chipKey(event, i));
      chip.append(text, cross);
      return chip;
    }));
  }
}
