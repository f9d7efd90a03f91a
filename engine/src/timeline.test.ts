import { expect, test } from "vitest";
import { MAX_CHECKPOINTS } from "./engine.ts";
import { Timeline } from "./timeline.ts";

const open = () => undefined;

/** Adds 1 in its turn. */
const count = (timeline: Timeline<number>) =>
  timeline.inOrder(async () => {
    await Promise.resolve();
    timeline.state += 1;
  });

test("calls take effect in the order in which they are made", async () => {
  const timeline = new Timeline(0, open);
  void count(timeline);
  const one = timeline.checkpoint();
  void count(timeline);
  timeline.rollback(one);
  expect(timeline.state).toBe(0);
  await timeline.settled;
  expect(timeline.state).toBe(1);
});

test("one that fails does not hold up the next", async () => {
  const timeline = new Timeline(0, open);
  const failed = timeline.inOrder(() => Promise.reject(new Error("no")));
  await expect(failed).rejects.toThrow("no");
  await count(timeline);
  expect(timeline.state).toBe(1);
});

test("taking a conversation back again and again keeps no more states than checkpoints that can be gone back to", async () => {
  const timeline = new Timeline(0, open);
  const start = timeline.checkpoint();
  for (let turn = 0; turn < 3 * MAX_CHECKPOINTS; turn += 1) {
    timeline.checkpoint();
    void count(timeline);
    timeline.rollback(start);
  }
  await timeline.settled;
  expect(timeline.kept).toBe(1);
  expect(timeline.state).toBe(0);
});

test("the oldest of too many is forgotten, and can be gone back to no more", async () => {
  const timeline = new Timeline(0, open);
  const all = Array.from({ length: MAX_CHECKPOINTS + 1 }, () => timeline.checkpoint());
  await timeline.settled;
  expect(timeline.kept).toBe(MAX_CHECKPOINTS);
  expect(() => timeline.rollback(all[0] ?? { id: -1 })).toThrow("unknown or was forgotten");
  expect(() => timeline.rollback(all[1] ?? { id: -1 })).not.toThrow();
});

test("nothing is taken up once the conversation is over, also what waited its turn", async () => {
  let isOver = false;
  const timeline = new Timeline(0, () => {
    if (isOver) throw new Error("over");
  });
  const waiting = count(timeline);
  isOver = true;
  await expect(waiting).rejects.toThrow("over");
  expect(() => timeline.checkpoint()).toThrow("over");
  expect(timeline.state).toBe(0);
});
