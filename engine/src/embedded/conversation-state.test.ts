import { Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { NO_AUDIO } from "../hearing/heard-audio.ts";
import { type ConversationState, contextLength, makeRoom } from "./conversation-state.ts";

/** Tokens are numbers: those in the cache are its values, the owed ones follow. */
function stateOf(cached: readonly number[], owed: readonly number[], starts: readonly number[]): ConversationState {
  const layer = new Tensor("float32", Float32Array.from(cached), [1, 1, cached.length, 1]);
  const cache = { layers: [layer], length: cached.length, position: cached.length };
  return { cache, owed, starts, audio: NO_AUDIO, open: undefined, continuation: undefined };
}
function tokens(state: ConversationState | undefined): (number | bigint | string)[] {
  return [...[...(state?.cache.layers[0]?.data ?? [])], "|", ...(state?.owed ?? [])];
}

describe("makeRoom()", () => {
  test("leaves a state alone that has room", () => {
    const state = stateOf([1, 2], [3], [0]);
    expect(makeRoom(state, 2, 5)).toBe(state);
  });

  test.each([
    ["in the cache", [9, 1, 1, 2, 2, 3], [3], [1, 3, 5], [9, 2, 2, 3, "|", 3]],
    ["partly owed", [9, 1], [1, 2, 2, 2], [1, 3], [9, "|", 2, 2, 2]],
    ["all owed", [9], [1, 1, 2, 2], [1, 3], [9, "|", 2, 2]],
  ])("forgets the oldest turn, which is %s, and keeps what stands before it", (_where, cached, owed, starts, left) => {
    const state = stateOf(cached, owed, starts);
    const roomy = makeRoom(state, 0, contextLength(state) - 1);
    expect(tokens(roomy)).toEqual(left);
    expect(roomy?.starts).toEqual(starts.slice(1).map((start) => start - 2));
  });

  test("never forgets the newest turn", () => {
    expect(makeRoom(stateOf([1, 1, 2, 2], [], [0, 2]), 9, 10)).toBeUndefined();
  });
});
