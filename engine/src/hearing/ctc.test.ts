import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialCtc, readCtc, splitTranscript } from "./ctc.ts";

const vocabulary = { blank: 0, vocab: ["", " a", "b", "an", " ba", "na", " "] };

/** Frames by their winning piece; "_" is blank. */
function frames(...pieces: string[]): Float32Array {
  const rows = pieces.map((piece) => vocabulary.vocab.map((known) => (known === (piece === "_" ? "" : piece) ? 1 : 0)));
  return Float32Array.from(rows.flat());
}
const read = (...parts: string[][]) =>
  parts.reduce((state, part) => readCtc(state, frames(...part), vocabulary.vocab.length, vocabulary), initialCtc(vocabulary));
const pause = (frameCount: number) => new Array<string>(frameCount).fill("_");

describe("readCtc()", () => {
  test.each([
    ["repeated frames are one piece", [[" ba", " ba", "na", "na"]], "bana"],
    ["a blank makes them two", [[" a", "_", " a"]], "a a"],
    ["across blocks too", [[" ba"], [" ba", "na"]], "bana"],
    ["pieces without a space go on with the word", [[" ba", "na", "_", "na", " a"]], "banana a"],
    ["the text does not begin with a space, nor has it two", [["_", " ", " ba", " ", " a"]], "ba a"],
  ])("%s", (_what, parts, text) => {
    expect(read(...parts).text).toBe(text);
  });
});

describe("splitTranscript()", () => {
  test("keeps the word that is still being spoken apart", () => {
    expect(splitTranscript(read([" ba", "na"]))).toEqual({ stable: "", tail: "bana" });
    expect(splitTranscript(read([" ba", "na", " a"]))).toEqual({ stable: "bana ", tail: "a" });
  });

  test("takes a word for finished after a pause", () => {
    expect(splitTranscript(read([" a", ...pause(23)]))).toEqual({ stable: "", tail: "a" });
    expect(splitTranscript(read([" a", ...pause(23)], ["_"]))).toEqual({ stable: "a", tail: "" });
  });

  test("never takes back what was certain", () => {
    const piece = fc.constantFrom(...vocabulary.vocab.slice(1), ...pause(4));
    fc.assert(
      fc.property(fc.array(fc.array(piece, { minLength: 1, maxLength: 30 }), { maxLength: 20 }), (blocks) => {
        let state = initialCtc(vocabulary);
        let stable = "";
        for (const block of blocks) {
          state = readCtc(state, frames(...block), vocabulary.vocab.length, vocabulary);
          const next = splitTranscript(state);
          expect(next.stable.startsWith(stable)).toBe(true);
          expect(next.stable + next.tail).toBe(state.text);
          stable = next.stable;
        }
      }),
    );
  });
});
