import type { Turn } from "@aloud/client";
import { expect, test } from "vitest";
import { chipsOf, duration } from "./chips.ts";

const turn: Turn = {
  id: "i1",
  input: "speech",
  responseId: "r1",
  status: "completed",
  transcript: "",
  isTranscribed: true,
  semantic: "",
  acoustic: "",
  isThinking: false,
  isHeuristic: false,
  answer: "",
  calls: [],
  timing: { endpoint_ms: 500, first_thought_ms: 512, first_answer_ms: 580, done_ms: 1_700, prefilled_tokens: 41, speculated: true },
  error: undefined,
};
const shown = (changes: Partial<Turn>) => chipsOf({ ...turn, ...changes }).map(({ label, value }) => `${label} ${value}`.trim());

test("chips count from the moment when the turn was over", () => {
  expect(shown({})).toEqual([
    "turn over 500 ms",
    "first thought 12 ms",
    "first answer 80 ms",
    "done 1.2 s",
    "heard in advance 41 tokens",
    "begun early",
  ]);
});

test("chips give the server's own count where the pointer rests", () => {
  const timing = { done_ms: 1_700, prefilled_tokens: 41, speculated: false };
  const heard = (now: typeof timing & { cached_tokens?: number }) =>
    chipsOf({ ...turn, timing: now }).find(({ label }) => label === "heard in advance");
  expect(heard({ ...timing, cached_tokens: 32 })?.title).toMatch(/found 32 tokens/u);
  expect(heard(timing)?.title).toBeUndefined();
});

test("chips wait for the end of the turn", () => {
  expect(shown({ status: "answering" })).toEqual([]);
});

test("chips say how it ended, unless well", () => {
  expect(shown({ status: "cancelled", timing: undefined })).toEqual(["stopped"]);
  expect(shown({ status: "failed", timing: undefined, error: { code: "engine_failed", message: "the engine failed" } })).toEqual([
    "the engine failed",
  ]);
});

test("chips say that the channels were guessed, with the reason where the pointer rests", () => {
  expect(shown({ isHeuristic: true, timing: undefined })).toEqual(["channels guessed"]);
  expect(chipsOf({ ...turn, isHeuristic: true }).at(-1)?.title).toMatch(/guessed from the words/u);
  expect(shown({})).not.toContain("channels guessed");
});

test("duration() rounds to what can be read", () => {
  expect([duration(3.4), duration(999.4), duration(1_234)]).toEqual(["3 ms", "999 ms", "1.2 s"]);
});
