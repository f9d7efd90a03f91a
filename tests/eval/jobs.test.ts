/** What an evaluation runs. */
import { expect, test } from "vitest";
import type { Clip } from "./clips.ts";
import { jobsOf } from "./jobs.ts";

const clip = (changes: Partial<Clip>): Clip => ({
  id: `${changes.set ?? "held-out espeak"} #0`,
  set: "held-out espeak",
  offset: 0,
  samples: 16_000,
  text: "stop",
  answer: "Stopped.",
  call: "navigate(to=stop)",
  intent: "navigation",
  voice: "",
  family: "",
  noise: "clean",
  steps: [],
  question: null,
  group: "",
  conversation: "",
  turn: 0,
  tools: [],
  result: null,
  finished: true,
  ...changes,
});
const budgets = (made: Clip) => jobsOf([made], false).map(({ budget }) => budget);

test("turns of one conversation are one job, in their order", () => {
  const turns = [1, 0].map((turn) => clip({ id: `t${turn}`, set: "dialogues, spoken", conversation: "a", turn }));
  expect(jobsOf([...turns, clip({ set: "typed" })], false).map(({ clips }) => clips.map(({ id }) => id))).toContainEqual(["t0", "t1"]);
});

test("multi-step requests and questions about a sound are answered with every budget of thinking", () => {
  const all = ["full", 0, 12, 24, 48];
  expect(budgets(clip({ steps: ["3 + 4 = 7", "7 - 2 = 5"] })).toSorted()).toEqual(all.toSorted());
  expect(budgets(clip({ set: "questions about a sound", question: "chord" })).toSorted()).toEqual(all.toSorted());
});

test("silence is only listened to with thinking", () => {
  expect(budgets(clip({ set: "silence" }))).toEqual(["full"]);
});

test("a quick run takes some of each set, a job of every budget, and the same ones each time", () => {
  const many = ["typed", "nobody: noise"].flatMap((set) => Array.from({ length: 100 }, (_, i) => clip({ id: `${set} #${i}`, set })));
  const quick = jobsOf(many, true);
  expect(quick).toEqual(jobsOf(many, true));
  expect(new Set(quick.map(({ clips }) => clips[0]?.set)).size).toBe(2);
  expect(quick.length).toBeLessThan(50);
});

test("what is run first is of every part of a set", () => {
  const many = Array.from({ length: 100 }, (_, i) => clip({ id: `${i}`, set: "nobody: noise" }));
  const first = jobsOf(many, false)
    .slice(0, 10)
    .map(({ clips }) => Math.floor(Number(clips[0]?.id) / 25));
  expect(new Set(first).size).toBe(4);
});
