// The photo under the colours of its classes: to the last bit what `sclip segment --overlay-size photo` draws.
const kCoreOpacity = 215, kHaloOpacity = 90, kNobody = 65535;
const kCore = 1, kHalo = 2;

export function lineWidth(width, height) {
  return Math.max(1, Math.round(Math.min(width, height) / 900));
}

// Where the line between classes lies, and its dark edge. Classes that are not shown have no border to one another.
export function bordersOf(labels, width, height, shown) {
  const seen = labels.map((label) => (shown[label] ? label : kNobody));
  const edges = new Uint8Array(labels.length);
  const mark = (far, kind) => {
    for (let row = 0; row < edges.length; row += width) {
      for (let i = row; i < row + width - far; ++i) {
        if (seen[i] !== seen[i + far]) edges[i] = edges[i + far] = kind;
      }
    }
    for (let i = 0, below = far * width; below < edges.length; ++i, ++below) {
      if (seen[i] !== seen[below]) edges[i] = edges[below] = kind;
    }
  };
  const line = lineWidth(width, height);
  mark(2 * line, kHalo);
  mark(line, kCore);
  return edges;
}

// To the nearest: as 255 is odd, nothing lies in the middle.
const blend = (under, over, opacity) => ((under * (255 - opacity) + over * opacity + 127) / 255) | 0;

// `photo`: RGBA; `styles[class]`: {rgb, opacity}. → RGBA.
export function paint(photo, labels, edges, styles) {
  const out = new Uint8ClampedArray(photo.length);
  const photoPart = Int32Array.from(styles, ({opacity}) => 255 - opacity);
  const colorPart = Int32Array.from(styles.flatMap(({rgb, opacity}) => rgb.map((value) => value * opacity + 127)));
  for (let i = 0, at = 0; i < labels.length; ++i, ++at) {
    const label = labels[i], edge = edges[i];
    for (let c = 0; c < 3; ++c, ++at) {
      let value = ((photo[at] * photoPart[label] + colorPart[3 * label + c]) / 255) | 0;
      if (edge === kCore) value = blend(value, 255, kCoreOpacity);
      if (edge === kHalo) value = blend(value, 0, kHaloOpacity);
      out[at] = value;
    }
    out[at] = 255;
  }
  return out;
}
