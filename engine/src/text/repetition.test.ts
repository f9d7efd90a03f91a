import { expect, test } from "vitest";
import { isLooping } from "./repetition.ts";

const repeat = (phrase: readonly number[], times: number): number[] => Array.from({ length: times }, () => phrase).flat();

test("isLooping() sees one token and a long phrase repeated", () => {
  expect(isLooping(repeat([7], 25))).toBe(true);
  expect(isLooping([1, 2, ...repeat([3, 4, 5, 6, 7, 8, 9, 10], 4)])).toBe(true);
});

test("isLooping() lets a few repetitions pass", () => {
  expect(isLooping(repeat([7], 24))).toBe(false);
  expect(isLooping(repeat([3, 4, 5, 6, 7, 8, 9, 10], 3))).toBe(false);
});

test("isLooping() needs the repetition at the end", () => {
  expect(isLooping([...repeat([7], 40), 8])).toBe(false);
});
