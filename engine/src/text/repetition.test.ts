import fc from "fast-check";
import { expect, test } from "vitest";
import { endsInLoop } from "./repetition.ts";

const times = (n: number, ...tokens: number[]) => Array.from({ length: n }, () => tokens).flat();

test.each([
  ["one token sixteen times", times(16, 7), true],
  ["one token fifteen times", times(15, 7), false],
  ["four tokens four times, after something else", [1, 2, 3, ...times(4, 5, 6, 7, 8)], true],
  ["a sentence of twenty tokens three times", times(3, ...Array.from({ length: 20 }, (_, i) => i)), false],
  ["a sentence of twenty tokens four times", times(4, ...Array.from({ length: 20 }, (_, i) => i)), true],
  ["a loop that was left again", [...times(20, 7), 8], false],
])("%s: %s", (_name, tokens, expected) => {
  expect(endsInLoop(tokens)).toBe(expected);
});

test("sequences without any repeat are never loops", () => {
  fc.assert(fc.property(fc.uniqueArray(fc.nat(), { maxLength: 200 }), (tokens) => !endsInLoop(tokens)));
});
