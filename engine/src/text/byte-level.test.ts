import { expect, test } from "vitest";
import { ByteLevelStream, tokenBytes } from "./byte-level.ts";

test("tokenBytes() reads GPT-2's spelling of bytes", () => {
  expect([...tokenBytes("Ġhi")]).toEqual([0x20, 0x68, 0x69]);
  expect([...tokenBytes("Ċ")]).toEqual([0x0a]);
});

test("ByteLevelStream gives a character out when its last byte came, never half of it", () => {
  const stream = new ByteLevelStream();
  // "é" is C3 A9; the bytes are spelled "Ã" and "©".
  expect([stream.push("cafÃ"), stream.push("©"), stream.end()]).toEqual(["caf", "é", ""]);
});

test("ByteLevelStream.end() shows an output that stopped inside a character", () => {
  const stream = new ByteLevelStream();
  stream.push("Ã");
  expect(stream.end()).toBe("\uFFFD");
});

test("a ByteLevelStream goes on with what another one left", () => {
  const first = new ByteLevelStream();
  expect(first.push("Ã")).toBe("");
  expect(new ByteLevelStream(first.rest).push("©")).toBe("é");
});

test("ByteLevelStream reads bytes that can become no character as U+FFFD", () => {
  const stream = new ByteLevelStream();
  // FF is "ÿ" in the byte alphabet, C3 is "Ã".
  expect([stream.push("ÿA"), stream.push("Ã"), stream.push("A")]).toEqual(["\uFFFDA", "", "\uFFFDA"]);
});
