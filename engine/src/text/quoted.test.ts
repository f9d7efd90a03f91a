import { expect, test } from "vitest";
import { QuotedText } from "./quoted.ts";

test("QuotedText gives the first quotation once, when it is complete", () => {
  const quoted = new QuotedText('"', '"');
  const pieces = ['The speaker says "set a ', "timer", '". They say "please".'];
  expect(pieces.map((piece) => quoted.push(piece))).toEqual([undefined, undefined, "set a timer"]);
  expect(quoted.push(' "again"')).toBeUndefined();
});
