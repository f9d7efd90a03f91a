/**
 * The spectrum of real frames whose length is any even number (Whisper's frames have 400 samples, which the usual power-of-two
 * packages do not take). A mixed-radix Stockham transform of half the length over packed pairs; Cooley & Tukey 1965, Stockham 1966.
 */

interface Stage {
  readonly radix: number;
  /** Length of the transforms that are done before this stage. */
  readonly done: number;
  /** Twiddles [j][s][q] for input q, output s of the butterfly at frequency j. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

function factorize(n: number): number[] {
  const factors: number[] = [];
  let rest = n;
  for (let prime = 2; rest > 1; prime += 1) {
    while (rest % prime === 0) {
      factors.push(prime);
      rest /= prime;
    }
  }
  return factors;
}

function planStages(n: number): Stage[] {
  let done = 1;
  return factorize(n).map((radix) => {
    const size = done * radix * radix;
    const cos = new Float64Array(size);
    const sin = new Float64Array(size);
    for (let j = 0; j < done; j += 1) {
      for (let s = 0; s < radix; s += 1) {
        for (let q = 0; q < radix; q += 1) {
          const angle = (-2 * Math.PI * q * (j + done * s)) / (done * radix);
          cos[(j * radix + s) * radix + q] = Math.cos(angle);
          sin[(j * radix + s) * radix + q] = Math.sin(angle);
        }
      }
    }
    const stage = { radix, done, cos, sin };
    done *= radix;
    return stage;
  });
}

/** A transform of one length. Holds its scratch space, so one instance serves one caller at a time. */
export class RealFft {
  readonly length: number;
  readonly bins: number;
  readonly #half: number;
  readonly #stages: readonly Stage[];
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  #re: Float64Array;
  #im: Float64Array;
  #nextRe: Float64Array;
  #nextIm: Float64Array;

  /** @param length even, at least 2 */
  constructor(length: number) {
    if (length < 2 || length % 2 !== 0) throw new RangeError(`a real transform needs an even length, got ${length}`);
    this.length = length;
    this.#half = length / 2;
    this.bins = this.#half + 1;
    this.#stages = planStages(this.#half);
    this.#cos = Float64Array.from({ length: this.bins }, (_, k) => Math.cos((-2 * Math.PI * k) / length));
    this.#sin = Float64Array.from({ length: this.bins }, (_, k) => Math.sin((-2 * Math.PI * k) / length));
    this.#re = new Float64Array(this.#half);
    this.#im = new Float64Array(this.#half);
    this.#nextRe = new Float64Array(this.#half);
    this.#nextIm = new Float64Array(this.#half);
  }

  /** Writes |X[k]|² of `frame` (`length` samples) into `power` (`bins` values). */
  power(frame: Float64Array, power: Float64Array): void {
    const half = this.#half;
    for (let i = 0; i < half; i += 1) {
      this.#re[i] = frame[2 * i] ?? 0;
      this.#im[i] = frame[2 * i + 1] ?? 0;
    }
    for (const stage of this.#stages) this.#run(stage);
    const re = this.#re;
    const im = this.#im;
    for (let k = 0; k <= half; k += 1) {
      const a = k === half ? 0 : k;
      const b = k === 0 ? 0 : half - k;
      // Even samples: (Z[k] + Z*[−k]) / 2; odd samples: (Z[k] − Z*[−k]) / 2i.
      const evenRe = ((re[a] ?? 0) + (re[b] ?? 0)) / 2;
      const evenIm = ((im[a] ?? 0) - (im[b] ?? 0)) / 2;
      const oddRe = ((im[a] ?? 0) + (im[b] ?? 0)) / 2;
      const oddIm = ((re[b] ?? 0) - (re[a] ?? 0)) / 2;
      const c = this.#cos[k] ?? 0;
      const s = this.#sin[k] ?? 0;
      const xRe = evenRe + c * oddRe - s * oddIm;
      const xIm = evenIm + c * oddIm + s * oddRe;
      power[k] = xRe * xRe + xIm * xIm;
    }
  }

  #run({ radix, done, cos, sin }: Stage): void {
    const groups = this.#half / (done * radix);
    const re = this.#re;
    const im = this.#im;
    const outRe = this.#nextRe;
    const outIm = this.#nextIm;
    for (let j = 0; j < done; j += 1) {
      for (let k = 0; k < groups; k += 1) {
        const from = k + groups * radix * j;
        for (let s = 0; s < radix; s += 1) {
          const twiddle = (j * radix + s) * radix;
          let sumRe = 0;
          let sumIm = 0;
          for (let q = 0; q < radix; q += 1) {
            const c = cos[twiddle + q] ?? 0;
            const w = sin[twiddle + q] ?? 0;
            const xr = re[from + groups * q] ?? 0;
            const xi = im[from + groups * q] ?? 0;
            sumRe += c * xr - w * xi;
            sumIm += c * xi + w * xr;
          }
          outRe[k + groups * (j + done * s)] = sumRe;
          outIm[k + groups * (j + done * s)] = sumIm;
        }
      }
    }
    this.#re = outRe;
    this.#im = outIm;
    this.#nextRe = re;
    this.#nextIm = im;
  }
}
