// A photo at the service: read once for each policy, and then asked for any words without being sent again.
import {ask, postForm, postJson} from "./service.js";

export class SentPhoto {
  #file;
  #reads = new Map();  // policy → promise of the id of its features; null: there are none
  #left = new AbortController();

  constructor(file) {
    this.#file = file;
  }

  // Whether words are answered at once.
  isRead(policy) {
    return this.#reads.has(policy);
  }

  async ask(policy, fields, signal) {
    for (let tries = 0; tries < 2; ++tries) {
      const read = this.#read(policy);
      const id = await read;
      signal.throwIfAborted();
      if (id === null) break;
      try {
        return await postJson("v1/segment", {features: id, ...fields}, signal);
      } catch (error) {
        if (error.code !== "no_features") throw error;
        // The service has kept others since: the photo is sent again.
        if (this.#reads.get(policy) === read) this.#reads.delete(policy);
      }
    }
    return postForm("v1/segment", {photo: this.#file, policy, ...fields}, signal);
  }

  // Another photo has taken its place.
  leave() {
    this.#left.abort();
    for (const read of this.#reads.values()) {
      read.then((id) => id && ask(`v1/features/${id}`, {method: "DELETE"})).catch(() => {});
    }
  }

  // Not with the signal of one question: words may change while the photo is read.
  #read(policy) {
    if (!this.#reads.has(policy)) {
      const read = this.#readNow(policy);
      this.#reads.set(policy, read);
      read.catch(() => this.#reads.delete(policy));
    }
    return this.#reads.get(policy);
  }

  async #readNow(policy) {
    try {
      return (await (await postForm("v1/features", {photo: this.#file, policy}, this.#left.signal)).json()).id;
    } catch (error) {
      // A policy that looks at the words, or features that are too large to keep: each question brings the photo.
      if (error.status === 422 || error.status === 413) return null;
      throw error;
    }
  }
}
