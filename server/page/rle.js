// COCO's compressed run lengths → the class of every pixel. Exact, whereas a PNG drawn on a canvas and read back need not be.
function runsOf(counts) {
  const runs = [];
  for (let at = 0; at < counts.length;) {
    let value = 0, shift = 0, bits;
    do {
      bits = counts.charCodeAt(at++) - 48;
      value |= (bits & 0x1f) << shift;
      shift += 5;
    } while (bits & 0x20);
    if (bits & 0x10) value |= -1 << shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

export function labelsOf(coco) {
  const {width, height} = coco.images[0];
  const labels = new Uint16Array(width * height);
  for (const {category_id: label, segmentation} of coco.annotations) {
    let x = 0, y = 0, inside = false;
    for (const run of runsOf(segmentation.counts)) {  // column by column
      if (inside) {
        for (let left = run, cx = x, cy = y; left > 0; --left) {
          labels[cy * width + cx] = label;
          if (++cy === height) cy = 0, ++cx;
        }
      }
      const end = x * height + y + run;
      x = Math.floor(end / height);
      y = end % height;
      inside = !inside;
    }
  }
  return {labels, width, height};
}
