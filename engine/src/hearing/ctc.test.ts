import { describe, expect, test } from "vitest";
import { initialCtc, readCtc, splitTranscript } from "./ctc.ts";

const vocabulary = { blank: 0, vocab: ["", "a", "b", "n", " "] };

/** Frames spelled by their winning symbol; "_" is blank. */
function frames(spelled: string): Float32Array {
  const rows = [...spelled].map((symbol) => vocabulary.vocab.map((known) => (known === (symbol === "_" ? "" : symbol) ? 1 : 0)));
  return Float32Array.from(rows.flat());
}
const read = (...parts: string[]) =>
  parts.reduce((state, part) => readCtc(state, frames(part), vocabulary.vocab.length, vocabulary), initialCtc(vocabulary));

describe("readCtc()", () => {
  test.each([
    [["bb_aa_nn_aa"], "bana"],
    [["a_a"], "aa"],
    [["aaa"], "a"],
    [["ba", "a_n"], "ban"],
    [["__ _ba  n"], "ba n"],
  ])("%j is read as %j", (parts, text) => {
    expect(read(...parts).text).toBe(text);
  });
});

test("splitTranscript() keeps the word that is still being spoken apart", () => {
  expect(splitTranscript(read("an_ ba"))).toEqual({ stable: "an ", tail: "ba" });
  expect(splitTranscript(read("an_ "))).toEqual({ stable: "an ", tail: "" });
  expect(splitTranscript(read("b"))).toEqual({ stable: "", tail: "b" });
});
