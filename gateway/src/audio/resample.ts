/**
 * Streaming sample-rate conversion by any rational ratio: a windowed-sinc filter in polyphase form. State is carried over
 * calls, so that a signal cut into pieces comes out as if it had been one.
 */

/** Zero crossings on each side of the filter's center, at the lower of the two rates. 24 with this window: stopband below −80 dB. */
const ZERO_CROSSINGS = 24;
/** Kaiser window; 9 puts the side lobes at about −90 dB. */
const KAISER_BETA = 9;
/** The passband ends here, as a part of the lower Nyquist frequency; the transition band is above it. */
const ROLL_OFF = 0.92;

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 50; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
    if (term < sum * 1e-12) break;
  }
  return sum;
}

interface Filter {
  readonly up: number;
  readonly down: number;
  /** Input samples under the filter. */
  readonly taps: number;
  /** `phases[p][t]`: weight of the t-th input sample for an output that lies p/up of a sample behind the first. */
  readonly phases: readonly Float32Array[];
}

function designFilter(from: number, to: number): Filter {
  const divisor = gcd(from, to);
  const up = to / divisor;
  const down = from / divisor;
  const cutoff = Math.min(1, to / from) * ROLL_OFF;
  const half = Math.ceil(ZERO_CROSSINGS / Math.min(1, to / from));
  const taps = 2 * half;
  const phases = Array.from({ length: up }, (_, phase) => {
    const weights = new Float32Array(taps);
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const x = tap - (half - 1) - phase / up;
      const inWindow = 1 - (x / half) ** 2;
      const window = inWindow <= 0 ? 0 : bessel0(KAISER_BETA * Math.sqrt(inWindow)) / bessel0(KAISER_BETA);
      const angle = Math.PI * cutoff * x;
      const weight = (x === 0 ? 1 : Math.sin(angle) / angle) * window;
      weights[tap] = weight;
      sum += weight;
    }
    // Each phase passes a constant exactly: otherwise the gain would ripple with the phase.
    for (let tap = 0; tap < taps; tap++) weights[tap] = (weights[tap] ?? 0) / sum;
    return weights;
  });
  return { up, down, taps, phases };
}

const filters = new Map<string, Filter>();
/** Rates differ among a handful of values, and a filter is a few kB: kept for the life of the process, at most this many. */
const MAX_FILTERS = 16;

function filterFor(from: number, to: number): Filter {
  const key = `${from}:${to}`;
  const known = filters.get(key);
  if (known) return known;
  const made = designFilter(from, to);
  if (filters.size < MAX_FILTERS) filters.set(key, made);
  return made;
}

export class Resampler {
  readonly #filter: Filter | undefined;
  readonly #ratio: number;
  /** Samples taken in and given out so far. */
  #taken = 0;
  #given = 0;
  /** Input not yet passed by the filter; begins with the samples before the first one (silence). */
  #pending: Float32Array;
  /** Where the next output lies: first sample under the filter in `#pending`, and the phase behind it. */
  #at = 0;
  #phase = 0;

  /** @param from @param to sample rates in Hz, whole numbers */
  constructor(from: number, to: number) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to < 1)
      throw new RangeError(`cannot resample ${from} Hz to ${to} Hz`);
    this.#ratio = to / from;
    this.#filter = from === to ? undefined : filterFor(from, to);
    this.#pending = new Float32Array(this.#filter ? this.#filter.taps / 2 - 1 : 0);
  }

  /** Takes the next samples and returns what can be computed of them so far. The result is the caller's. */
  push(samples: Float32Array): Float32Array {
    const filter = this.#filter;
    if (filter === undefined) return samples.slice();
    const { up, down, taps, phases } = filter;
    const input = new Float32Array(this.#pending.length + samples.length);
    input.set(this.#pending);
    input.set(samples, this.#pending.length);
    const positions = (input.length - taps - this.#at) * up - this.#phase;
    const output = new Float32Array(positions < 0 ? 0 : Math.floor(positions / down) + 1);
    let at = this.#at;
    let phase = this.#phase;
    for (let index = 0; index < output.length; index++) {
      const weights = phases[phase];
      let sum = 0;
      if (weights) for (let tap = 0; tap < taps; tap++) sum += (weights[tap] ?? 0) * (input[at + tap] ?? 0);
      output[index] = sum;
      phase += down;
      at += Math.floor(phase / up);
      phase %= up;
    }
    const kept = Math.min(at, input.length);
    this.#pending = input.slice(kept);
    this.#at = at - kept;
    this.#phase = phase;
    this.#taken += samples.length;
    this.#given += output.length;
    return output;
  }

  /** Returns the rest, as if silence followed: `round(taken × to / from)` samples in all. The stream is over after this. */
  flush(): Float32Array {
    if (this.#filter === undefined) return new Float32Array(0);
    const missing = Math.max(0, Math.round(this.#taken * this.#ratio) - this.#given);
    return this.push(new Float32Array(this.#filter.taps / 2 + 1)).subarray(0, missing);
  }
}

/** Converts a whole signal to `round(length × to / from)` samples. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  const resampler = new Resampler(from, to);
  const head = resampler.push(samples);
  const tail = resampler.flush();
  const whole = new Float32Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
