// The photo under the colours of its classes: to the last bit what `sclip segment --overlay-size photo` draws.
const kCoreOpacity = 215, kHaloOpacity = 90, kNobody = 65535;

// Of whole numbers, as 255 is odd: the nearest.
const over255 = (value) => Math.floor((value + 127) / 255);
const blend = (under, over, opacity) => over255(under * (255 - opacity) + over * opacity);

export function lineWidth(width, height) {
  return Math.max(1, Math.round(Math.min(width, height) / 900));
}

// `photo`: RGBA; `labels`: a class a pixel; `styles[class]`: {rgb, opacity}, with opacity 0 for a class that is hidden, which has
// no borders to other hidden ones. → RGBA.
export function paint(photo, labels, width, height, styles, line) {
  const out = new Uint8ClampedArray(photo.length);
  const shown = labels.map((label) => (styles[label]?.opacity > 0 ? label : kNobody));
  const differs = (i, x, y, far) =>
    (x >= far && shown[i - far] !== shown[i]) || (x + far < width && shown[i + far] !== shown[i]) ||
    (y >= far && shown[i - far * width] !== shown[i]) || (y + far < height && shown[i + far * width] !== shown[i]);
  for (let y = 0, i = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x, ++i) {
      const style = shown[i] === kNobody ? undefined : styles[shown[i]];
      const core = differs(i, x, y, line);
      const halo = !core && differs(i, x, y, 2 * line);
      for (let c = 0; c < 3; ++c) {
        let value = photo[4 * i + c];
        if (style) value = blend(value, style.rgb[c], style.opacity);
        if (core) value = blend(value, 255, kCoreOpacity);
        if (halo) value = blend(value, 0, kHaloOpacity);
        out[4 * i + c] = value;
      }
      out[4 * i + 3] = 255;
    }
  }
  return out;
}
