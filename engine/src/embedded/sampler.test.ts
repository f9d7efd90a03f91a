import fc from "fast-check";
import { expect, test } from "vitest";
import { argmax, logProbability, pick } from "./sampler.ts";

const logits = Float32Array.of(1, 3, 2, 3);

test("greedy takes the most likely token, the lowest id in a tie", () => {
  expect(argmax(logits)).toBe(1);
  expect(pick(logits, { temperature: 0, topP: 1 }, 5)).toEqual({ token: 1, seed: 5 });
});

test("a banned token is never picked", () => {
  expect(argmax(logits, 1)).toBe(3);
  expect(argmax(Float32Array.of(9, 1, 2), 0)).toBe(2);
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0, 1), (seed, temperature) => {
      expect(pick(logits, { temperature, topP: 1 }, seed, 1).token).not.toBe(1);
    }),
  );
});

test("logProbability() is the logarithm of the softmax", () => {
  const odds = Float32Array.of(Math.log(3), 0, 100 * Math.log(1e-9));
  expect(logProbability(odds, 0)).toBeCloseTo(Math.log(0.75));
  expect(logProbability(odds, 1)).toBeCloseTo(Math.log(0.25));
});

test("the same seed picks the same tokens", () => {
  const run = () => {
    let seed = 42;
    return Array.from({ length: 20 }, () => {
      const picked = pick(logits, { temperature: 1, topP: 1 }, seed);
      seed = picked.seed;
      return picked.token;
    });
  };
  expect(run()).toEqual(run());
  expect(new Set(run()).size).toBeGreaterThan(1);
});

test("a small nucleus leaves only the most likely tokens", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      expect([1, 3]).toContain(pick(logits, { temperature: 1, topP: 0.5 }, seed).token);
    }),
  );
});

test("tokens are drawn as often as they are likely", () => {
  const counts = [0, 0];
  let seed = 7;
  for (let i = 0; i < 4_000; i += 1) {
    const picked = pick(Float32Array.of(Math.log(3), 0), { temperature: 1, topP: 1 }, seed);
    seed = picked.seed;
    counts[picked.token] = (counts[picked.token] ?? 0) + 1;
  }
  expect((counts[0] ?? 0) / 4_000).toBeCloseTo(0.75, 1);
});
