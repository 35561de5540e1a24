// What goes on, what went wrong and what to do about it.
export class News {
  #status;
  #alert;
  #busy;
  #warnings;

  constructor({status, alert, busy, warnings}) {
    this.#status = status;
    this.#alert = alert;
    this.#busy = busy;
    this.#warnings = warnings;
  }

  tell(text, busy = false) {
    this.#alert.replaceChildren();
    this.#status.textContent = text;
    this.#busy.hidden = !busy;
    document.body.setAttribute("aria-busy", String(busy));
  }

  warn(sentences) {
    this.#warnings.replaceChildren(
      ...sentences.map((text) => Object.assign(document.createElement("li"), {textContent: text})));
  }

  // `again`: what another try is.
  fail(error, again) {
    this.tell("");
    this.#alert.append(Object.assign(document.createElement("p"), {textContent: error.message}));
    if (!again) return;
    const button = Object.assign(document.createElement("button"), {type: "button", textContent: "Try again"});
    button.addEventListener("click", again);
    this.#alert.append(button);
  }
}
