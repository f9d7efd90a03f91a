/** How answers are scored. */
import { describe, expect, test } from "vitest";
import { areaUnderCurve, argumentsOf, errorRate, percent, plannedCall, sameCall, table, wordErrors } from "./score.ts";

describe("word errors", () => {
  test("count words that were put in, left out or changed", () => {
    expect(wordErrors("turn on the light", "turn the red light")).toEqual({ errors: 2, words: 4 });
    expect(wordErrors("stop", "")).toEqual({ errors: 1, words: 1 });
    expect(wordErrors("", "who is there")).toEqual({ errors: 3, words: 0 });
  });

  test("are shared among all words, not averaged over clips", () => {
    expect(errorRate([wordErrors("yes", "no"), wordErrors("turn on the light", "turn on the light")])).toBe(20);
  });
});

describe("the call that a thought plans", () => {
  test("is what it ends with", () => {
    const thought = ' The speaker says "ten minutes". set_timer(duration=10m).';
    expect(plannedCall(thought)).toBe("set_timer(duration=10m)");
  });

  test("is none where it was cut before, or where nobody spoke", () => {
    expect(plannedCall(' The speaker says "ten minutes". set_timer(dur')).toBeUndefined();
    expect(plannedCall(" Nobody is speaking.")).toBeUndefined();
  });

  test("has arguments, as text", () => {
    expect(argumentsOf("set_reminder(task=call mom, time=7:30am)")).toEqual({ task: "call mom", time: "7:30am" });
    expect(argumentsOf("cancel_timer()")).toEqual({});
  });

  test("is the same as a tool call with these arguments and no other", () => {
    expect(sameCall("set_light(room=hall, brightness=40)", "set_light", '{"brightness":40,"room":"hall"}')).toBe(true);
    expect(sameCall("set_light(room=hall)", "set_light", '{"room":"hall","state":"on"}')).toBe(false);
    expect(sameCall("cancel_timer()", "cancel_alarm", "{}")).toBe(false);
  });
});

test("the area under the curve is 1 where all positives are above all negatives, 0.5 where nothing tells them apart", () => {
  expect(areaUnderCurve([0.9, 0.8], [0.7, 0.1])).toBe(1);
  expect(areaUnderCurve([0.5, 0.5], [0.5])).toBe(0.5);
});

test("a share of nothing is a dash", () => {
  expect(percent([], () => true)).toBe("–");
  expect(percent([1, 2, 3], (value) => value > 1)).toBe("66.7");
});

test("a table is Markdown", () => {
  expect(table(["set", "n"], [["typed", 3]])).toBe("| set | n |\n| --- | --- |\n| typed | 3 |");
});
