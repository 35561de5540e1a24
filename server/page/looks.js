// How classes look: the command's colours, unless a person has chosen others. By name, so that a choice outlives new words.
export class Looks {
  opacity = 128;  // of a class over the photo, 0 … 255
  #palette = {colors: ["#4285f4"], opacity: 128, background: {color: "#000000", opacity: 64}};
  #chosen = new Map();

  usePalette(palette) {
    this.#palette = palette;
  }

  isHidden(name) {
    return this.#chosen.get(name)?.hidden ?? false;
  }

  choose(name, choice) {
    this.#chosen.set(name, {...this.#chosen.get(name), ...choice});
  }

  // Only class 0 can be the background.
  #isBackground(classes, id) {
    return id === 0 && classes[0].name.toLowerCase() === "background";
  }

  color(classes, id) {
    const chosen = this.#chosen.get(classes[id].name)?.color;
    if (chosen) return chosen;
    if (this.#isBackground(classes, id)) return this.#palette.background.color;
    const {colors} = this.#palette;
    return colors[(id - (this.#isBackground(classes, 0) ? 1 : 0)) % colors.length];
  }

  styles(classes) {
    return classes.map(({name}, id) => {
      const color = this.color(classes, id);
      const thinner = this.#isBackground(classes, id) ? this.#palette.background.opacity / this.#palette.opacity : 1;
      return {
        rgb: [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)),
        opacity: this.isHidden(name) ? 0 : Math.round(this.opacity * thinner),
      };
    });
  }
}
