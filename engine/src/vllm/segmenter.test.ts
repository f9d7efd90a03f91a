import fc from "fast-check";
import { expect, test } from "vitest";
import { segmentThought, ThoughtSentences } from "./segmenter.ts";

test.each([
  ["The pitch falls at the end and the pace is slow.", "acoustic"],
  ["There is traffic noise in the background.", "acoustic"],
  ["The speaker sounds calm.", "acoustic"],
  ["The user asks what two plus two equals.", "semantic"],
  ["The word 'tired' means the speaker wants to sleep.", "semantic"],
  ["So I should answer briefly.", "semantic"],
] as const)("segmentThought(): %s is %s", (sentence, channel) => {
  expect(segmentThought(sentence, undefined)).toBe(channel);
});

test("segmentThought() goes on with the sentence before when nothing tells", () => {
  expect(segmentThought("It is like that throughout.", "acoustic")).toBe("acoustic");
  expect(segmentThought("It is like that throughout.", undefined)).toBe("semantic");
});

const THOUGHT = "The user asks for light. The voice is hoarse, and 3.5 pauses are heard!\nSo the answer is yes. Is there noise? Fine";

function cut(pieces: readonly string[]) {
  const sentences = new ThoughtSentences(segmentThought);
  const out = [...pieces.flatMap((piece) => sentences.push(piece, 1)), ...sentences.end()];
  return { text: out.map(({ text }) => text).join(""), tokens: out.reduce((sum, { tokens }) => sum + tokens, 0), out };
}

test("ThoughtSentences loses no text and no token, however the thought comes", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(THOUGHT.length), { maxLength: 30 }), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), THOUGHT.length];
      const pieces = edges.slice(1).map((to, n) => THOUGHT.slice(edges[n], to));
      const { text, tokens } = cut(pieces);
      expect(text).toBe(THOUGHT);
      expect(tokens).toBe(pieces.length);
    }),
  );
});

test("ThoughtSentences gives each sentence to its channel", () => {
  expect(cut(THOUGHT.split(/(?<= )/u)).out.map(({ channel }) => channel)).toEqual([
    "semantic",
    "acoustic",
    "semantic",
    "acoustic",
    "acoustic",
  ]);
});

test("ThoughtSentences holds back no more than 160 characters of a sentence without an end", () => {
  const sentences = new ThoughtSentences(segmentThought);
  let held = 0;
  for (let n = 0; n < 100; n += 1) {
    held += 6;
    for (const { text } of sentences.push("and on", 1)) held -= text.length;
    expect(held).toBeLessThanOrEqual(166);
  }
});
