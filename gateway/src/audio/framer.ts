/** Cuts a stream of samples into windows of one size, whatever the size of the pieces that come. */
export class Framer {
  readonly #size: number;
  #window: Float32Array;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#window = new Float32Array(size);
  }

  /** @returns the windows that are full now; each is new and the caller's to keep */
  push(samples: Float32Array): Float32Array[] {
    const full: Float32Array[] = [];
    for (let at = 0; at < samples.length; ) {
      const taken = samples.subarray(at, at + this.#size - this.#filled);
      this.#window.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === this.#size) {
        full.push(this.#window);
        this.#window = new Float32Array(this.#size);
        this.#filled = 0;
      }
    }
    return full;
  }

  /** What has not filled a window yet; the framer is empty afterwards. */
  flush(): Float32Array {
    const rest = this.#window.slice(0, this.#filled);
    this.#filled = 0;
    return rest;
  }
}
