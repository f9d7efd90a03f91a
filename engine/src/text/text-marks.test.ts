import fc from "fast-check";
import { expect, test } from "vitest";
import type { Piece } from "./splitter.ts";
import { flushMarks, scanMarks, type TextMarks } from "./text-marks.ts";

const MARKS: TextMarks = [
  ["<think>", "think_open"],
  ["</think>", "think_close"],
  ["<acoustic>", "acoustic_open"],
];

/** Joins neighbouring texts, so that only the order of text and marks counts. */
function scanAll(deltas: readonly string[]): string {
  let held = "";
  const pieces: Piece[] = [];
  for (const delta of deltas) {
    const scanned = scanMarks(MARKS, held, delta);
    held = scanned.held;
    pieces.push(...scanned.pieces);
  }
  pieces.push(...flushMarks(held));
  return pieces.map((piece) => (piece.type === "text" ? piece.text : `[${piece.mark}]`)).join("");
}

test("scanMarks() finds a mark that is cut across deltas", () => {
  expect(scanAll(["so </th", "ink", "> yes"])).toBe("so [think_close] yes");
});

test("scanMarks() holds back only what may become a mark", () => {
  expect(scanMarks(MARKS, "", "a < b <th")).toEqual({ pieces: [{ type: "text", text: "a < b " }], held: "<th" });
  expect(scanMarks(MARKS, "<th", "e end")).toEqual({ pieces: [{ type: "text", text: "<the end" }], held: "" });
});

test("scanMarks() gives the same however the text is cut", () => {
  const part = fc.constantFrom("<think>", "</think>", "<acoustic>", "<", "</", "th", "ink>", " a ", "é");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 8 }), (parts, cuts) => {
      const text = parts.join("");
      const bounds = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
      const deltas = bounds.slice(1).map((end, n) => text.slice(bounds[n], end));
      expect(scanAll(deltas)).toBe(scanAll([text]));
    }),
    { seed: 1 },
  );
});
