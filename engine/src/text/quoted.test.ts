import { expect, test } from "vitest";
import { QuotedText } from "./quoted.ts";

test("QuotedText gives the first quotation once, when it is complete", () => {
  const quoted = new QuotedText('"', '"');
  const pieces = ['The speaker says "set a ', "timer", '". They say "please".'];
  expect(pieces.map((piece) => quoted.push(piece))).toEqual([undefined, undefined, { words: "set a timer", rest: '. They say "please".' }]);
  expect(quoted.push(' "again"')).toBeUndefined();
});

test("QuotedText is inside from the opening mark to the closing one", () => {
  const quoted = new QuotedText('"', '"');
  const inside = ["says ", ' "', "go", '".', ' "x'].map((piece) => {
    quoted.push(piece);
    return quoted.isInside;
  });
  expect(inside).toEqual([false, true, true, false, false]);
});
