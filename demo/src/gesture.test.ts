import { expect, test } from "vitest";
import { type Gesture, gesture, IDLE_GESTURE, type Order, type Signal } from "./gesture.ts";

function play(...signals: Signal[]): { orders: Order[]; state: Gesture["state"] } {
  let now = IDLE_GESTURE;
  const orders = signals.map((signal) => {
    const next = gesture(now, signal);
    now = next.gesture;
    return next.order;
  });
  return { orders: orders.filter((order) => order !== "none"), state: now.state };
}
const down = (atMs: number): Signal => ({ type: "down", atMs });
const up = (atMs: number): Signal => ({ type: "up", atMs });

test("holding talks until the release", () => {
  expect(play(down(0), up(2_000))).toEqual({ orders: ["start", "stop"], state: "idle" });
});

test("a tap starts and the next tap sends", () => {
  expect(play(down(0), up(100)).orders).toEqual(["start"]);
  expect(play(down(0), up(100), down(3_000), up(3_100))).toEqual({ orders: ["start", "stop"], state: "idle" });
});

test("cancelling throws away what was begun, and nothing else", () => {
  expect(play(down(0), { type: "cancel" }, up(900))).toEqual({ orders: ["start", "discard"], state: "idle" });
  expect(play({ type: "cancel" }).orders).toEqual([]);
});

test("a second finger changes nothing", () => {
  expect(play(down(0), down(500), up(900)).orders).toEqual(["start", "stop"]);
});
