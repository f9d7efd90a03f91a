/** Sound for tests, 16 kHz mono floats: committed speech, and what is not speech, made here from a seed. */
import { readFileSync } from "node:fs";
import { resample } from "../../gateway/src/audio/resample.ts";

export const RATE_HZ = 16_000;
const samplesOf = (ms: number) => Math.round((ms * RATE_HZ) / 1_000);

/** Speech of tests/fixtures/gateway. */
export function speech(name: "lights" | "time"): Float32Array {
  const wav = readFileSync(new URL(`../fixtures/gateway/${name}.wav`, import.meta.url));
  const rate = wav.readUInt32LE(24);
  const data = wav.subarray(44);
  const samples = Float32Array.from({ length: data.length >> 1 }, (_, index) => data.readInt16LE(index * 2) / 32_768);
  return resample(samples, rate, RATE_HZ);
}

export function silence(ms: number): Float32Array {
  return new Float32Array(samplesOf(ms));
}

/** Numbers from −1 to 1 that are the same on every run. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x8000_0000 - 1;
  };
}

export function whiteNoise(ms: number, level: number, seed = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: samplesOf(ms) }, () => level * next());
}

/** Voss-McCartney, 12 octaves. */
export function pinkNoise(ms: number, level: number, seed = 1): Float32Array {
  const next = random(seed);
  const rows = Array.from({ length: 12 }, next);
  return Float32Array.from({ length: samplesOf(ms) }, (_, index) => {
    rows[Math.min(11, index === 0 ? 0 : Math.clz32(index & -index) ^ 31)] = next();
    return (level * rows.reduce((sum, value) => sum + value, 0)) / 4;
  });
}

/** Chords of decaying partials, a new one every 600 ms. */
export function music(ms: number, level: number): Float32Array {
  const chords = [
    [220, 277.2, 329.6],
    [196, 246.9, 293.7],
    [174.6, 220, 261.6],
    [164.8, 207.7, 246.9],
  ] as const;
  return Float32Array.from({ length: samplesOf(ms) }, (_, index) => {
    const t = index / RATE_HZ;
    const chord = chords[Math.floor(t / 0.6) % chords.length] ?? chords[0];
    const decay = Math.exp(-3 * (t % 0.6));
    let sum = 0;
    for (const pitch of chord) for (let partial = 1; partial <= 5; partial++) sum += Math.sin(2 * Math.PI * pitch * partial * t) / partial;
    return (level * decay * sum) / 5;
  });
}

export function joined(...parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Base64 PCM16 at 24 kHz in pieces of 100 ms, as stock Realtime clients send it. */
export function asAppends(samples: Float32Array): string[] {
  const at24k = resample(samples, RATE_HZ, 24_000);
  const pieces: string[] = [];
  for (let at = 0; at < at24k.length; at += 2_400) {
    const piece = at24k.subarray(at, at + 2_400);
    const bytes = Buffer.alloc(piece.length * 2);
    piece.forEach((value, index) => {
      bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(value * 32_767))), index * 2);
    });
    pieces.push(bytes.toString("base64"));
  }
  return pieces;
}
