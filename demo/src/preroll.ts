/** The last frames before the button went down: people speak a moment early, and the first word must not be lost. */

/** 300 ms. The oldest is dropped. */
const MAX_FRAMES = 15;

export class Preroll<T> {
  #frames: T[] = [];

  push(frame: T): void {
    this.#frames.push(frame);
    if (this.#frames.length > MAX_FRAMES) this.#frames.shift();
  }

  take(): T[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
