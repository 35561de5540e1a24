// Words of the built-in lists that begin with, or hold, what is typed: a combobox as ARIA describes it.
const kMost = 8;

export class Suggestions {
  #input;
  #box;
  #chosen;
  #words = [];  // {word, of: the text of its class}
  #at = -1;

  constructor(input, box, chosen) {
    this.#input = input;
    this.#box = box;
    this.#chosen = chosen;
    input.addEventListener("input", () => this.#show());
    input.addEventListener("blur", () => this.#hide());
    // Before the chips hear of it: Enter takes a suggestion where one is marked.
    input.addEventListener("keydown", (event) => this.#key(event), {capture: true});
    box.addEventListener("pointerdown", (event) => event.preventDefault());  // the focus stays
    box.addEventListener("click", (event) => this.#take(event.target.closest("[role=option]")));
  }

  use(words) {
    this.#words = words;
  }

  // What is typed behind the last comma: a synonym is looked for like a word.
  get #typed() {
    return this.#input.value.slice(this.#input.value.lastIndexOf(",") + 1).trim().toLowerCase();
  }

  #show() {
    const typed = this.#typed;
    const fits = (where) => this.#words.filter(({word}) => where(word.toLowerCase()));
    const found = typed === "" ? [] : new Set([...fits((word) => word.startsWith(typed)), ...fits((word) => word.includes(typed))]);
    this.#box.replaceChildren(...[...found].slice(0, kMost).map(({word, of}, i) => {
      const option = document.createElement("li");
      option.id = `suggestion-${i}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.word = word;
      option.dataset.of = of;
      option.textContent = of;
      return option;
    }));
    this.#at = -1;
    this.#open(this.#box.children.length > 0);
  }

  #open(open) {
    this.#box.hidden = !open;
    this.#input.setAttribute("aria-expanded", String(open));
    this.#input.removeAttribute("aria-activedescendant");
  }

  #hide() {
    this.#at = -1;
    this.#open(false);
  }

  #mark(at) {
    const options = [...this.#box.children];
    this.#at = (at + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.#at)));
    options[this.#at].scrollIntoView({block: "nearest"});
    this.#input.setAttribute("aria-activedescendant", options[this.#at].id);
  }

  #key(event) {
    if (this.#box.hidden || event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.#mark(event.key === "ArrowDown" ? this.#at + 1 : Math.max(this.#at, 0) - 1);
    } else if (event.key === "Escape") {
      this.#hide();
    } else if (event.key === "Enter") {
      if (this.#at >= 0) {
        event.preventDefault();
        event.stopImmediatePropagation();
        this.#take(this.#box.children[this.#at]);
      } else {
        this.#hide();
      }
    }
  }

  #take(option) {
    if (!option) return;
    const before = this.#input.value.slice(0, this.#input.value.lastIndexOf(",") + 1);
    this.#hide();
    this.#chosen(before === "" ? option.dataset.of : `${before} ${option.dataset.word}`);
  }
}
