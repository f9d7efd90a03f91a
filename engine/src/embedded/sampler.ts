/** Picks the next token from logits. Pure: randomness comes from a seed that the caller threads through. */
import type { Sampling } from "../engine.ts";

export interface Picked {
  readonly token: number;
  readonly seed: number;
}

/** The most likely token; the lowest id wins a tie. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i += 1) if ((logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  return best;
}

/** One step of mulberry32 (public domain, Tommy Ettinger): a number in [0, 1) and the next seed. */
function random(seed: number): { value: number; seed: number } {
  const next = (seed + 0x6d2b79f5) >>> 0;
  let t = Math.imul(next ^ (next >>> 15), next | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return { value: ((t ^ (t >>> 14)) >>> 0) / 2 ** 32, seed: next };
}

/** Greedy at temperature 0; else samples among the fewest tokens whose probabilities add up to `topP` (nucleus sampling, Holtzman et al. 2020). */
export function pick(logits: Float32Array, { temperature, topP }: Sampling, seed: number): Picked {
  if (temperature <= 0) return { token: argmax(logits), seed };
  const top = logits[argmax(logits)] ?? 0;
  const weights = Array.from(logits, (logit, token) => ({ token, weight: Math.exp((logit - top) / temperature) })).sort(
    (a, b) => b.weight - a.weight,
  );
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const nucleus: typeof weights = [];
  let mass = 0;
  for (const entry of weights) {
    nucleus.push(entry);
    mass += entry.weight;
    if (mass >= topP * total) break;
  }
  const drawn = random(seed);
  let left = drawn.value * mass;
  for (const { token, weight } of nucleus) {
    left -= weight;
    if (left < 0) return { token, seed: drawn.seed };
  }
  return { token: nucleus.at(-1)?.token ?? 0, seed: drawn.seed };
}
