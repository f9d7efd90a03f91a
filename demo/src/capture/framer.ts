/** Cuts a stream of blocks of any length into 20 ms frames at 48 kHz, converting the rate where the browser would not (Safari). */

export const FRAME_SAMPLES = 960;
export const CLOCK_HZ = 48_000;

/** Linear interpolation: it is only used between rates above 16 kHz, for speech that is then coded at 24 kbit/s. */
export class Framer {
  readonly #step: number;
  #frame = new Float32Array(FRAME_SAMPLES);
  #filled = 0;
  #last = 0;
  /** Where the next output lies between the last sample of the block before (0) and the first of the next one (1). */
  #at = 1;

  constructor(sampleRateHz: number) {
    this.#step = sampleRateHz / CLOCK_HZ;
  }

  /** Calls `emit` for each frame that is full; the frame is the receiver's. */
  push(block: Float32Array, emit: (frame: Float32Array<ArrayBuffer>) => void): void {
    let at = this.#at;
    while (at < block.length + (this.#step === 1 ? 1 : 0)) {
      const index = Math.floor(at);
      const before = index === 0 ? this.#last : (block[index - 1] ?? 0);
      const after = block[index] ?? 0;
      this.#put(this.#step === 1 ? before : before + (after - before) * (at - index), emit);
      at += this.#step;
    }
    this.#at = at - block.length;
    this.#last = block[block.length - 1] ?? this.#last;
  }

  /** The rest, filled up with silence; undefined when there is none. */
  flush(): Float32Array<ArrayBuffer> | undefined {
    if (this.#filled === 0) return undefined;
    const rest = this.#frame;
    rest.fill(0, this.#filled);
    this.#start();
    return rest;
  }

  #put(sample: number, emit: (frame: Float32Array<ArrayBuffer>) => void): void {
    this.#frame[this.#filled++] = sample;
    if (this.#filled < FRAME_SAMPLES) return;
    const full = this.#frame;
    this.#start();
    emit(full);
  }

  #start(): void {
    this.#frame = new Float32Array(FRAME_SAMPLES);
    this.#filled = 0;
  }
}
