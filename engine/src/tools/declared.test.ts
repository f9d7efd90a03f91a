import { describe, expect, test } from "vitest";
import type { Tool } from "../engine.ts";
import { DeclaredTools, type KnownTool } from "./declared.ts";

const KNOWN: readonly KnownTool[] = [
  { name: "set_timer", parameters: { duration: { type: "string" } } },
  {
    name: "set_light",
    parameters: { room: { type: "string" }, state: { type: "string", enum: ["on", "off"] }, colour: { type: "string" } },
  },
  { name: "get_weather", parameters: { place: { type: "string" } } },
];
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({ type: "object", properties, ...more });

function read(tool: Tool, text: string): unknown {
  const result = new DeclaredTools([tool], KNOWN).read(text);
  return result.type === "call" ? { [result.call.name]: JSON.parse(result.call.arguments) } : result.problem;
}

describe("an app's tool stands for a call that the model knows", () => {
  test.each([
    ["by its name", { name: "set_timer" }],
    ["by its name in camel case", { name: "setTimer" }],
    ["by its name with hyphens", { name: "set-timer" }],
    ["by its alias, whatever its name", { name: "egg_clock", parameters: { "x-aloud-tool": "set_timer" } }],
  ])("%s", (_how, tool) => {
    expect(new DeclaredTools([tool], KNOWN).names).toEqual(["set_timer"]);
  });

  test.each([
    ["one of another name", { name: "timer" }],
    ["one whose alias says something else", { name: "set_timer", parameters: { "x-aloud-tool": "other" } }],
    [
      "one that needs what the model cannot say",
      { name: "set_timer", parameters: object({ duration: {}, user_id: {} }, { required: ["user_id"] }) },
    ],
  ])("%s is not declared to the model", (_which, tool) => {
    expect(new DeclaredTools([tool], KNOWN).names).toEqual([]);
  });

  test("the first of two", () => {
    const tools = new DeclaredTools([{ name: "setTimer" }, { name: "set_timer" }], KNOWN);
    expect(tools.read("set_timer(duration=5m)")).toMatchObject({ call: { name: "setTimer" } });
  });
});

describe("read()", () => {
  test("gives parameters the app's names and the schema's types", () => {
    const schema = object({ Color: { type: "string" }, on: { type: "boolean", "x-aloud-parameter": "state" } });
    expect(read({ name: "setLight", parameters: schema }, "set_light(state=on, colour=red)")).toEqual({
      setLight: { on: true, Color: "red" },
    });
  });

  test.each([
    [object({ duration: { type: "integer" } }), { duration: 900 }],
    [object({ duration_minutes: { type: "number" } }), { duration_minutes: 15 }],
    [object({ seconds: { type: "number" } }), { seconds: 900 }],
    [undefined, { duration: "15m" }],
  ])("a duration by %j", (parameters, values) => {
    const tool: Tool = { name: "set_timer", ...(parameters && { parameters }) };
    expect(read(tool, "set_timer(duration=15m)")).toEqual({ set_timer: values });
  });

  test("passes a parameter on that the schema does not name, unless it forbids others", () => {
    const call = "set_light(room=kitchen, state=on)";
    const properties = { state: { type: "string" } };
    expect(read({ name: "set_light", parameters: object(properties) }, call)).toEqual({ set_light: { room: "kitchen", state: "on" } });
    expect(read({ name: "set_light", parameters: object(properties, { additionalProperties: false }) }, call)).toEqual({
      set_light: { state: "on" },
    });
  });

  test("says what is wrong, and never what was said", () => {
    const parameters = object({ room: { type: "string", maxLength: 3 } });
    expect(read({ name: "set_light", parameters }, "set_light(room=kitchen)")).toBe("/room must NOT have more than 3 characters");
    expect(read({ name: "set_light", parameters: object({ room: {} }, { required: ["room"] }) }, "set_light(state=on)")).toBe(
      "the arguments must have required property 'room'",
    );
    expect(read({ name: "set_light" }, "set_timer(duration=5m)")).toBe("no such tool is declared");
    expect(read({ name: "set_light" }, "hello")).toBe("it is not written as a call");
  });

  test("does not let a pattern run for ever", () => {
    const parameters = object({ place: { type: "string", pattern: "^(a+)+$" } });
    expect(read({ name: "get_weather", parameters }, `get_weather(place=${"a".repeat(40)}!)`)).toBe('/place must match pattern "^(a+)+$"');
    expect(read({ name: "get_weather", parameters }, "get_weather(place=aa)")).toEqual({ get_weather: { place: "aa" } });
  });
});

test.each([
  ["of draft 7", { $schema: "http://json-schema.org/draft-07/schema#", ...object({ place: { type: "string" } }) }],
  ["with formats and keywords that nobody knows", object({ place: { type: "string", format: "city", "x-more": 1 } })],
  ["with definitions", object({ place: { $ref: "#/$defs/City" } }, { $defs: { City: { type: "string" } } })],
])("a schema %s is understood", (_which, parameters) => {
  expect(read({ name: "get_weather", parameters }, "get_weather(place=oslo)")).toEqual({ get_weather: { place: "oslo" } });
});

test.each([
  ["a type that is none", object({ place: { type: "town" } })],
  ["a pattern that is none", object({ place: { pattern: "(" } })],
  ["a reference to elsewhere", object({ place: { $ref: "https://example.org/place.json" } })],
])("%s is refused, naming the tool", (_which, parameters) => {
  expect(() => new DeclaredTools([{ name: "somewhere", parameters }], KNOWN)).toThrow(
    expect.objectContaining({ code: "invalid_value", message: expect.stringContaining("somewhere") }),
  );
});

test("write() writes a call of the history as the model would have", () => {
  const tools = new DeclaredTools(
    [{ name: "setTimer", parameters: object({ minutes: { type: "number" } }) }, { name: "set_light" }],
    KNOWN,
  );
  const call = (name: string, values: unknown) => tools.write({ type: "tool_call", name, arguments: JSON.stringify(values) });
  expect(call("setTimer", { minutes: 15 })).toBe("set_timer(duration=15m)");
  expect(call("set_light", { state: "on", room: "kitchen, bath" })).toBe("set_light(state=on, room=kitchen bath)");
  expect(call("unheard_of", { a: 1 })).toBe("unheard_of(a=1)");
  expect(tools.write({ type: "tool_call", name: "set_light", arguments: "no json" })).toBe("set_light()");
});
