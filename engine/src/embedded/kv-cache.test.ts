import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { cutTokens } from "./kv-cache.ts";

test("cutTokens() removes the tokens of every head and leaves the position", () => {
  // Two heads, four tokens, width 2; the value is head, token, column as decimal digits.
  const data = Float32Array.from(
    [0, 1].flatMap((head) => [0, 1, 2, 3].flatMap((token) => [0, 1].map((column) => head * 100 + token * 10 + column))),
  );
  const cache = { layers: [new Tensor("float32", data, [1, 2, 4, 2])], length: 4, position: 9 };
  const cut = cutTokens(cache, 1, 3);
  expect(cut.length).toBe(2);
  expect(cut.position).toBe(9);
  expect(cut.layers).toMatchObject([{ dims: [1, 2, 2, 2], data: Float32Array.of(0, 1, 30, 31, 100, 101, 130, 131) }]);
  expect(cache.layers).toMatchObject([{ dims: [1, 2, 4, 2] }]);
});
