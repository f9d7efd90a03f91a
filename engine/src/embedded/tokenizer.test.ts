import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tokenBytes } from "../text/byte-level.ts";
import { readModelConfig } from "./model-config.ts";
import { readModelJson } from "./model-directory.ts";
import { createTokenizer } from "./tokenizer.ts";

const nano = fileURLToPath(new URL("../../models/nano", import.meta.url));
const { specialTokens } = readModelConfig(nano);
const tokenizer = createTokenizer(readModelJson(nano, "tokenizer.json"), readModelJson(nano, "tokenizer_config.json"), specialTokens);

const read = (ids: readonly number[]) => Buffer.concat(ids.map((id) => tokenBytes(tokenizer.spelling(id)))).toString();

test("encode() and the tokens' bytes give the text back, whatever it is", () => {
  for (const text of ["set a timer for 15 minutes", "Grüße, 東京 🙂!", "a  b\n\tc", ""]) expect(read(tokenizer.encode(text))).toBe(text);
});

test("encode() never makes a control token of what a person typed", () => {
  const controls = new Set(specialTokens.values());
  for (const spelling of specialTokens.keys()) {
    for (const text of [spelling, ` ${spelling} `, `say ${spelling}${spelling} twice`]) {
      const ids = tokenizer.encode(text);
      expect(ids.filter((id) => controls.has(id))).toEqual([]);
      expect(read(ids)).toBe(text);
    }
  }
});

test("control() tells control tokens from words", () => {
  expect(tokenizer.control(tokenizer.controlId("<|eot|>"))).toBe("<|eot|>");
  expect(tokenizer.encode("hello").map((id) => tokenizer.control(id))).not.toContain("<|eot|>");
  expect(() => tokenizer.controlId("<|unheard of|>")).toThrow(expect.objectContaining({ code: "model_invalid" }));
});
