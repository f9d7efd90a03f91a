import { expect, test } from "vitest";
import { nearest } from "./main.ts";

test("nearest() finds what was probably meant, and nothing else", () => {
  const known = ["serve", "talk", "doctor", "bench"];
  expect(["tlak", "server", "doc", "Serve", "paint"].map((word) => nearest(word, known))).toEqual([
    "talk",
    "serve",
    "doctor",
    "serve",
    undefined,
  ]);
});
