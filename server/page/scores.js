// The scores of all words at a pixel: the softmax over every word's cosine, of each class its best.
//
// They come as one .npy of cosines (K, rows, columns) in f32, of every `step`-th row and column: those kept are exact, so the best
// word there is the mask's class, which a smaller type or a grid of patches, drawn larger here, would not promise at borders.
// Only when somebody points at the photo, and with a step that keeps it within kMostBytes; a screen's pixel is about as large.
const kMostBytes = 8e6;

export function stepFor({width, height}, words) {
  let step = 1;
  while (4 * words * Math.ceil(width / step) * Math.ceil(height / step) > kMostBytes) ++step;
  return step;
}

function readNpy(buffer) {
  const view = new DataView(buffer);
  const begin = 10 + view.getUint16(8, true);  // format 1.0
  const header = new TextDecoder().decode(new Uint8Array(buffer, 10, begin - 10));
  if (!header.includes("'<f4'")) throw new Error(`The scores are of a type that this page does not read: ${header}`);
  const shape = header.match(/'shape': \(([^)]*)\)/)[1].split(",").map(Number);
  return {shape, values: new Float32Array(buffer, begin)};
}

export class Scores {
  constructor(buffer, step, result) {
    const {shape, values} = readNpy(buffer);
    [this.queries, this.rows, this.columns] = shape;
    this.values = values;
    this.step = step;
    this.scale = result.options.logit_scale;
    this.classes = result.classes;
  }

  // The pixel nearest to (x, y) of which cosines are kept, and its classes, the best first.
  at(x, y) {
    const column = Math.min(Math.round(x / this.step), this.columns - 1);
    const row = Math.min(Math.round(y / this.step), this.rows - 1);
    const logits = Array.from({length: this.queries}, (_, k) => this.scale * this.values[(k * this.rows + row) * this.columns + column]);
    const top = Math.max(...logits);
    const shares = logits.map((logit) => Math.exp(logit - top));
    const sum = shares.reduce((a, b) => a + b);
    let query = 0;
    const words = this.classes.map(({id, name, queries}) => {
      const mine = queries.map((word) => ({id, name, word, score: shares[query++] / sum}));
      return mine.reduce((a, b) => (b.score > a.score ? b : a));
    });
    return {x: column * this.step, y: row * this.step, words: words.sort((a, b) => b.score - a.score)};
  }
}
