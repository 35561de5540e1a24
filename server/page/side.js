// One read-out of the photo: what was found under a policy, drawn on a canvas of its own. A newer question aborts the older one.
import {bordersOf, paint} from "./overlay.js";
import {resized} from "./picture.js";
import {labelsOf} from "./rle.js";
import {Scores, stepFor} from "./scores.js";

export class Side {
  found = null;  // {words, policy, result, rle, labels, width, height}
  #canvas;
  #photo = null;  // of what was found
  #latest = new AbortController();
  #scores = null;
  #shown = null;  // labels at the canvas' size, and the borders of those classes that are not hidden

  constructor(canvas) {
    this.#canvas = canvas;
  }

  stop() {
    this.#latest.abort();
  }

  clear() {
    this.stop();
    this.found = this.#scores = this.#shown = null;
  }

  // Whether it is this question that was answered, and no newer one.
  async find(photo, policy, words) {
    this.stop();
    const {signal} = this.#latest = new AbortController();
    const answer = await photo.ask(policy, {classes: words, outputs: "json,rle"}, signal);
    const {json, rle} = await answer.json();
    if (signal.aborted) return false;
    this.#photo = photo;
    this.#scores = this.#shown = null;
    this.found = {words, policy, result: json, rle, ...labelsOf(rle)};
    return true;
  }

  // One output as the service writes it.
  output(name) {
    return this.#photo.ask(this.found.policy, {classes: this.found.words, outputs: name}, new AbortController().signal);
  }

  // Of the words that are shown; asked for once.
  scores() {
    this.#scores ??= this.#askScores(this.found, this.#latest.signal);
    return this.#scores;
  }

  async #askScores({words, policy, result, width, height}, signal) {
    const step = stepFor({width, height}, result.text_bank.queries);
    const fields = {classes: words, outputs: "logits", logits_step: step};
    const answer = await this.#photo.ask(policy, fields, signal);
    return new Scores(await answer.arrayBuffer(), step, result);
  }

  draw(picture, styles) {
    if (!this.found) return;
    const {width, height} = picture.shownSize(this.found);
    this.#shown ??= {labels: resized(this.found, width, height)};
    const visible = styles.map(({opacity}) => opacity > 0);
    if (this.#shown.visible !== visible.join()) {
      Object.assign(this.#shown, {visible: visible.join(), edges: bordersOf(this.#shown.labels, width, height, visible)});
    }
    Object.assign(this.#canvas, {width, height});
    const pixels = paint(picture.pixels(width, height), this.#shown.labels, this.#shown.edges, styles);
    this.#canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  }

  // As it is shown, at the photo's own size.
  async overlay(picture, styles) {
    const {width, height, labels} = this.found;
    const canvas = new OffscreenCanvas(width, height);
    const edges = bordersOf(labels, width, height, styles.map(({opacity}) => opacity > 0));
    const pixels = paint(picture.pixels(width, height), labels, edges, styles);
    canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    return canvas.convertToBlob({type: "image/png"});
  }
}
