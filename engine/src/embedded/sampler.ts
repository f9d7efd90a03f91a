/** Picks the next token from logits. Pure: randomness comes from a seed that the caller threads through. */
import type { Sampling } from "../engine.ts";

export interface Picked {
  readonly token: number;
  readonly seed: number;
}

/** The most likely token; the lowest id wins a tie. @param banned the id of a token that is not picked */
export function argmax(logits: Float32Array, banned?: number): number {
  let best = banned === 0 ? 1 : 0;
  for (let i = best + 1; i < logits.length; i += 1) if (i !== banned && (logits[i] ?? 0) > (logits[best] ?? 0)) best = i;
  return best;
}

/** Natural logarithm of the probability that the model gives a token, 0 or less. */
export function logProbability(logits: Float32Array, token: number): number {
  const top = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return (logits[token] ?? Number.NEGATIVE_INFINITY) - top - Math.log(sum);
}

/** One step of mulberry32 (public domain, Tommy Ettinger): a number in [0, 1) and the next seed. */
function random(seed: number): { value: number; seed: number } {
  const next = (seed + 0x6d2b79f5) >>> 0;
  let t = Math.imul(next ^ (next >>> 15), next | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return { value: ((t ^ (t >>> 14)) >>> 0) / 2 ** 32, seed: next };
}

/** A token this much less likely than the likeliest is never drawn, so that few have to be sorted. */
const NEGLIGIBLE = 1e-6;

/**
 * Greedy at temperature 0; else samples among the fewest tokens whose probabilities add up to `topP` (nucleus sampling, Holtzman et al. 2020).
 * @param banned the id of a token that is not picked
 */
export function pick(logits: Float32Array, { temperature, topP }: Sampling, seed: number, banned?: number): Picked {
  const likeliest = argmax(logits, banned);
  if (temperature <= 0) return { token: likeliest, seed };
  const top = logits[likeliest] ?? 0;
  const weights: { token: number; weight: number }[] = [];
  logits.forEach((logit, token) => {
    const weight = Math.exp((logit - top) / temperature);
    if (weight > NEGLIGIBLE && token !== banned) weights.push({ token, weight });
  });
  weights.sort((a, b) => b.weight - a.weight);
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
