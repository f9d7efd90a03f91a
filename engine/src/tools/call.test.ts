import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCall, writeCall } from "./call.ts";

test.each([
  ["set_timer(duration=15m)", { name: "set_timer", values: { duration: "15m" } }],
  [" get_time() ", { name: "get_time", values: {} }],
  ["set_light(room=living room, state=on)", { name: "set_light", values: { room: "living room", state: "on" } }],
  ["check_number(number=-4, is=a=b)", { name: "check_number", values: { number: "-4", is: "a=b" } }],
])("parseCall() reads %s", (text, call) => {
  expect(parseCall(text)).toEqual(call);
});

test.each(["", "set_timer", "set_timer(15m)", "set_timer(duration=)", "f(a=1, a=2)", "f(a=(1))", "f(a=1) and more", "F(a=1)"])(
  "parseCall() takes %j for no call",
  (text) => {
    expect(parseCall(text)).toBeUndefined();
  },
);

test("writeCall() writes what parseCall() reads, whatever the values hold", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/u);
  fc.assert(
    fc.property(name, fc.dictionary(name, fc.string(), { noNullPrototype: true }), (called, values) => {
      const text = writeCall({ name: called, values });
      const read = parseCall(text);
      expect(read?.name).toBe(called);
      expect(read && writeCall(read)).toBe(text);
    }),
  );
});
