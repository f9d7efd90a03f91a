import { expect, test } from "vitest";
import { NO_QUOTATION, readQuotation } from "./quotation.ts";

const MARKS = { open: '"', close: '"' };
const read = (deltas: readonly string[]) => deltas.reduce((state, delta) => readQuotation(state, MARKS, delta), NO_QUOTATION);

test("readQuotation() collects the quoted words over many deltas", () => {
  expect(read(["The speaker", ' says "set', " a timer", '". timer("5m")'])).toEqual({ type: "complete", text: "set a timer" });
});

test("readQuotation() takes a quotation within one delta, also an empty one", () => {
  expect(read(['says "hi" now'])).toEqual({ type: "complete", text: "hi" });
  expect(read(['""'])).toEqual({ type: "complete", text: "" });
});

test("readQuotation() waits for the closing mark", () => {
  expect(read(["nobody speaks"])).toEqual({ type: "before" });
  expect(read(['"set'])).toEqual({ type: "inside", text: "set" });
});
