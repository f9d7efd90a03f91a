import { expect, test } from "vitest";
import { type ContextItem, contextLimit, estimateTokens, outgrown } from "./context.ts";

const turn = (id: string, tokens: number): ContextItem[] => [
  { id: `${id}:user`, tokens: tokens / 2, isBeginning: true },
  { id: `${id}:answer`, tokens: tokens / 2, isBeginning: false },
];
const turns = [...turn("one", 200), ...turn("two", 200), ...turn("three", 200), ...turn("four", 200)];

test("everything stays as long as it fits", () => {
  expect(outgrown(turns, 100, { tokens: 900, retained: 100 })).toEqual([]);
});

test("the oldest turns go, whole, until the retained part is reached", () => {
  expect(outgrown(turns, 100, { tokens: 899, retained: 450 })).toEqual(["one:user", "one:answer", "two:user", "two:answer"]);
  expect(outgrown(turns, 100, { tokens: 899, retained: 550 })).toEqual(["one:user", "one:answer", "two:user", "two:answer"]);
});

test("the newest turn stays, however long it is", () => {
  expect(outgrown(turns, 100, { tokens: 0, retained: 0 })).toHaveLength(6);
  expect(outgrown(turn("only", 9_000), 0, { tokens: 100, retained: 0 })).toEqual([]);
  expect(outgrown([], 900, { tokens: 100, retained: 0 })).toEqual([]);
});

test("instructions and tools take from the limit, and are never counted as items", () => {
  expect(contextLimit("auto", 1_000, 100)).toEqual({ tokens: 750, retained: 520 });
  expect(contextLimit({ type: "retention_ratio", retention_ratio: 0.5 }, 1_000, 100)).toEqual({ tokens: 750, retained: 325 });
  const own = { type: "retention_ratio", retention_ratio: 0.5, token_limits: { post_instructions: 200 } } as const;
  expect(contextLimit(own, 1_000, 100)).toEqual({ tokens: 300, retained: 100 });
});

test("a large context keeps a fixed reserve", () => {
  expect(contextLimit("disabled", 32_768, 0).tokens).toBe(31_744);
});

test("an estimate grows with the text, and nothing is nothing", () => {
  expect(estimateTokens("")).toBe(0);
  expect(estimateTokens("turn on the lights")).toBe(9);
});
