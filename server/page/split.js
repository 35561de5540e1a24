// Two read-outs in one picture: the first to the left of a divider, the second to its right. A range and a drag move it.
export class Split {
  #range;
  #picture;

  constructor(range, divider, picture) {
    this.#range = range;
    this.#picture = picture;
    range.addEventListener("input", () => this.#show());
    divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      event.preventDefault();
      divider.setPointerCapture(event.pointerId);
    });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      const box = picture.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      this.#show();
    });
    this.#show();
  }

  // 0 … 1 of the picture's width.
  get at() {
    return this.#range.value / 100;
  }

  #show() {
    this.#picture.style.setProperty("--split", `${this.#range.value}%`);
    this.#range.setAttribute("aria-valuetext", `${Math.round(this.#range.value)} % from the left`);
  }
}
