/** Audio for tests that need no words: seeded, so that the same arguments give the same samples everywhere. */
import { SAMPLE_RATE_HZ } from "../engine.ts";

/** Mulberry32 (public domain, Tommy Ettinger): numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SYLLABLE_SAMPLES = SAMPLE_RATE_HZ / 5;

/** Voiced syllables of random pitch and loudness over a little noise, 16 kHz mono. */
export function pseudoSpeech(durationMs: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const samples = new Float32Array(Math.round((durationMs * SAMPLE_RATE_HZ) / 1000));
  let pitchHz = 0;
  let loudness = 0;
  let phase = 0;
  for (let n = 0; n < samples.length; n++) {
    const place = (n % SYLLABLE_SAMPLES) / SYLLABLE_SAMPLES;
    if (n % SYLLABLE_SAMPLES === 0) {
      pitchHz = 90 + 160 * random();
      loudness = random() < 0.2 ? 0 : 0.05 + 0.25 * random();
    }
    phase += (2 * Math.PI * pitchHz) / SAMPLE_RATE_HZ;
    const voice = Math.sin(phase) + Math.sin(3 * phase) / 2 + Math.sin(7 * phase) / 4;
    samples[n] = loudness * Math.sin(Math.PI * place) * voice + 0.002 * (random() - 0.5);
  }
  return samples;
}

/** Cuts samples at random places; the pieces joined are the samples. */
export function cutRandomly(samples: Float32Array, seed: number, maxPieceSamples: number): Float32Array[] {
  const random = seededRandom(seed);
  const pieces: Float32Array[] = [];
  for (let from = 0; from < samples.length; ) {
    const to = Math.min(samples.length, from + 1 + Math.floor(random() * maxPieceSamples));
    pieces.push(samples.subarray(from, to));
    from = to;
  }
  return pieces;
}
