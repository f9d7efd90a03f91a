/** The last moments of audio, kept so that a turn can begin before the VAD noticed it. */
export class Preroll {
  readonly #capacity: number;
  #windows: { readonly start: number; readonly samples: Float32Array }[] = [];
  #held = 0;

  /** @param capacity samples kept at most; older ones are dropped */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keeps a window that begins at `start` on the session's audio clock. Not copied: nobody may write to it. */
  push(start: number, samples: Float32Array): void {
    this.#windows.push({ start, samples });
    this.#held += samples.length;
    while (this.#held > this.#capacity) this.#held -= this.#windows.shift()?.samples.length ?? 0;
  }

  /** The sample behind the last one kept; 0 before the first. */
  end(): number {
    const last = this.#windows.at(-1);
    return last === undefined ? 0 : last.start + last.samples.length;
  }

  /** Everything kept from `start` on, in order. */
  since(start: number): Float32Array[] {
    return this.#windows
      .filter((window) => window.start + window.samples.length > start)
      .map((window) => (window.start >= start ? window.samples : window.samples.subarray(start - window.start)));
  }
}
