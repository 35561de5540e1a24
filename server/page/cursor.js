// Where somebody points at the picture, by mouse, touch or arrow keys: (x, y) of it in 0 … 1.
const kStep = 1 / 50;

export class Cursor {
  at = null;  // {x, y}, or nobody points
  byKeys = false;
  #picture;
  #moved;

  // `pixels()`: the size of what is pointed at.
  constructor(picture, pixels, moved) {
    this.#picture = picture;
    this.#moved = moved;
    picture.addEventListener("pointermove", (event) => this.#pointed(event));
    picture.addEventListener("pointerdown", (event) => this.#pointed(event));
    picture.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.leave());
    picture.addEventListener("blur", () => this.byKeys && this.leave());
    picture.addEventListener("keydown", (event) => this.#key(event, pixels()));
  }

  leave() {
    this.#set(null, false);
  }

  #set(at, byKeys) {
    this.at = at;
    this.byKeys = byKeys;
    this.#moved();
  }

  #pointed(event) {
    const box = this.#picture.getBoundingClientRect();
    const share = (value, begin, length) => Math.min(Math.max((value - begin) / length, 0), 1);
    this.#set({x: share(event.clientX, box.left, box.width), y: share(event.clientY, box.top, box.height)}, false);
  }

  #key(event, {width, height}) {
    const ways = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    if (event.key === "Escape") return this.leave();
    if (!(event.key in ways)) return;
    event.preventDefault();
    const [dx, dy] = ways[event.key];
    const far = (pixels) => (event.shiftKey ? 1 / pixels : kStep);
    // Of the pixel's middle.
    const from = this.at ?? {x: (Math.floor(width / 2) + 0.5) / width, y: (Math.floor(height / 2) + 0.5) / height};
    const to = this.at ? {x: from.x + dx * far(width), y: from.y + dy * far(height)} : from;
    const inside = (value, pixels) => Math.min(Math.max(value, 0.5 / pixels), 1 - 0.5 / pixels);
    this.#set({x: inside(to.x, width), y: inside(to.y, height)}, true);
  }
}
