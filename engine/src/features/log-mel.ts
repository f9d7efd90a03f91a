/**
 * Streaming log-mel features: samples in, feature frames out, with nothing looked up ahead and no statistics of the clip.
 * Frame t covers the samples from `t·hop − leftZeros` on (zeros before the start), so it is complete after
 * `t·hop − leftZeros + fftLength` samples. What has to be remembered between calls is a value, so that a conversation can be taken back.
 */
import { type MelFilter, type MelSpec, melFilters } from "./mel-filters.ts";
import { RealFft } from "./real-fft.ts";

export interface LogMelSpec extends MelSpec {
  readonly hopSamples: number;
  readonly leftZeros: number;
  /** feature = (log10(mel + floor) + offset) / scale */
  readonly floor: number;
  readonly offset: number;
  readonly scale: number;
}

/** The samples that the next frames still need, float32. Never changed in place. */
export type LogMelState = Float32Array;

export class LogMel {
  readonly spec: LogMelSpec;
  readonly #fft: RealFft;
  /** Rounded to float32, as the model knows it from training (periodic Hann). */
  readonly #window: Float32Array;
  readonly #filters: readonly MelFilter[];
  readonly #frame: Float64Array;
  readonly #power: Float64Array;

  constructor(spec: LogMelSpec) {
    this.spec = spec;
    this.#fft = new RealFft(spec.fftLength);
    this.#window = Float32Array.from({ length: spec.fftLength }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / spec.fftLength));
    this.#filters = melFilters(spec);
    this.#frame = new Float64Array(spec.fftLength);
    this.#power = new Float64Array(this.#fft.bins);
  }

  /** Where a stream starts: the zeros in front. */
  initial(): LogMelState {
    return new Float32Array(this.spec.leftZeros);
  }

  /** How many more samples make `frames` frames complete. */
  samplesFor(frames: number, state: LogMelState): number {
    return Math.max(0, (frames - 1) * this.spec.hopSamples + this.spec.fftLength - state.length);
  }

  /**
   * Computes every frame that is complete.
   * @param samples mono, −1 … 1
   * @returns features [mels, frames] row-major float32, and the next state
   */
  push(samples: Float32Array, state: LogMelState): { features: Float32Array; frames: number; state: LogMelState } {
    const { hopSamples, fftLength, mels, floor, offset, scale } = this.spec;
    const input = new Float32Array(state.length + samples.length);
    input.set(state);
    input.set(samples, state.length);
    const frames = input.length < fftLength ? 0 : Math.floor((input.length - fftLength) / hopSamples) + 1;
    const features = new Float32Array(mels * frames);
    for (let t = 0; t < frames; t += 1) {
      const start = t * hopSamples;
      for (let i = 0; i < fftLength; i += 1) this.#frame[i] = (input[start + i] ?? 0) * (this.#window[i] ?? 0);
      this.#fft.power(this.#frame, this.#power);
      for (let mel = 0; mel < mels; mel += 1) features[mel * frames + t] = (Math.log10(this.#energy(mel) + floor) + offset) / scale;
    }
    return { features, frames, state: input.slice(frames * hopSamples) };
  }

  #energy(mel: number): number {
    const filter = this.#filters[mel];
    if (filter === undefined) return 0;
    let sum = 0;
    for (let i = 0; i < filter.weights.length; i += 1) sum += (filter.weights[i] ?? 0) * (this.#power[filter.first + i] ?? 0);
    return sum;
  }
}
