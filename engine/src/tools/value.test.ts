import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDuration, unitOf, writeDuration } from "./duration.ts";
import { toBare, toJson } from "./value.ts";

describe("toJson()", () => {
  test.each([
    ["20", { type: "integer" }, 20],
    ["-3.5", { type: "number" }, -3.5],
    ["40%", { type: "number" }, 40],
    ["40", { type: "number", maximum: 1 }, 0.4],
    ["on", { type: "boolean" }, true],
    ["off", { type: ["boolean", "null"] }, false],
    ["living room", { type: "string", enum: ["kitchen", "livingRoom"] }, "livingRoom"],
    ["2", { enum: [1, 2] }, 2],
    ["milk and eggs", { type: "array", items: { type: "string" } }, ["milk", "eggs"]],
    ["5", { anyOf: [{ type: "null" }, { type: "number" }] }, 5],
    ["7:30pm", { type: "string", format: "time" }, "19:30:00"],
    ["12am", { type: "string", format: "time" }, "00:00:00"],
    ["7:30pm", { type: "string" }, "7:30pm"],
    ["1h30m", { type: "string", format: "duration" }, "PT1H30M"],
    ["15m", { type: "string" }, "15m"],
    // Nothing fits: the text goes to the schema, which refuses it.
    ["many", { type: "number" }, "many"],
  ])("reads %s by %j", (text, schema, value) => {
    expect(toJson(text, schema, "value")).toEqual(value);
  });

  test.each([
    ["duration", 900],
    ["duration_minutes", 15],
    ["durationMs", 900_000],
    ["hours", 0.25],
  ])("gives a duration in the unit that %s ends in", (property, value) => {
    expect(toJson("15m", { type: "number" }, property)).toBe(value);
  });
});

test("a duration is written as it is read, in seconds", () => {
  fc.assert(
    fc.property(fc.nat(200_000), (seconds) => {
      expect(parseDuration(writeDuration(seconds))).toEqual({ seconds });
    }),
  );
  expect(parseDuration("")).toBeUndefined();
  expect(parseDuration("soon")).toBeUndefined();
});

test("unitOf() needs a word of its own", () => {
  expect(unitOf("items")).toBeUndefined();
  expect(unitOf("timeoutMs")).toEqual({ name: "timeout", seconds: 0.001 });
});

test("toBare() writes JSON values the way the model would", () => {
  expect(toBare(90, "duration", true)).toBe("1m30s");
  expect(toBare(15, "minutes", true)).toBe("15m");
  expect(toBare(true, "state", false)).toBe("on");
  expect(toBare(["milk", "eggs"], "items", false)).toBe("milk and eggs");
});
