// A photo's pixels, at its own size and at the size in which it is shown.
const kMostShown = 2048;  // pixels of the long side: what a screen shows, and a phone draws at once

function pixelsOf(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

export class Picture {
  #bitmap;  // null: a format that this browser does not read, though the service may
  #shown = null;

  static async of(file) {
    const bitmap = await createImageBitmap(file, {imageOrientation: "from-image"}).catch(() => null);
    return new Picture(bitmap);
  }

  constructor(bitmap) {
    this.#bitmap = bitmap;
  }

  get isSeen() {
    return this.#bitmap !== null;
  }

  // Its own, once known; else that of the service's answer.
  size(found) {
    return this.#bitmap ?? found;
  }

  shownSize(found) {
    const {width, height} = this.size(found);
    const scale = Math.min(1, kMostShown / Math.max(width, height));
    return {width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale))};
  }

  // RGBA; grey where the browser cannot see the photo.
  pixels(width, height) {
    if (this.#shown?.width === width && this.#shown.height === height) return this.#shown.data;
    const data = this.#bitmap ? pixelsOf(this.#bitmap, width, height) : new Uint8ClampedArray(4 * width * height).fill(128);
    this.#shown = {width, height, data};
    return data;
  }

  close() {
    this.#bitmap?.close();
  }
}

// Labels of the pixels' middles.
export function resized({labels, width, height}, toWidth, toHeight) {
  if (width === toWidth && height === toHeight) return labels;
  const out = new Uint16Array(toWidth * toHeight);
  for (let y = 0, i = 0; y < toHeight; ++y) {
    const row = Math.floor(((y + 0.5) * height) / toHeight) * width;
    for (let x = 0; x < toWidth; ++x) out[i++] = labels[row + Math.floor(((x + 0.5) * width) / toWidth)];
  }
  return out;
}
