import { describe, expect, test } from "vitest";
import { type ChannelText, isThinking, type Piece, type SplitState, split, startSplit } from "./splitter.ts";

function play(start: SplitState, pieces: readonly (string | Piece)[]): { state: SplitState; out: ChannelText[] } {
  let state = start;
  const out: ChannelText[] = [];
  for (const piece of pieces) {
    const step = split(state, typeof piece === "string" ? { type: "text", text: piece } : piece);
    state = step.state;
    if (step.out) out.push(step.out);
  }
  return { state, out };
}

const mark = (name: "think_open" | "acoustic_open" | "think_close" | "tool_open" | "tool_close"): Piece => ({ type: "mark", mark: name });

describe("split()", () => {
  test("leads from semantic through acoustic thinking to the answer", () => {
    const { out } = play(startSplit("semantic"), [" a ", "timer", mark("acoustic_open"), " loud", mark("think_close"), " Done", "."]);
    expect(out).toEqual([
      { channel: "semantic", text: "a " },
      { channel: "semantic", text: "timer" },
      { channel: "acoustic", text: "loud" },
      { channel: "answer", text: "Done" },
      { channel: "answer", text: "." },
    ]);
  });

  test("drops white space until a channel has said something, also over several pieces", () => {
    expect(play(startSplit("answer"), [" ", "\n", " yes", " no"]).out).toEqual([
      { channel: "answer", text: "yes" },
      { channel: "answer", text: " no" },
    ]);
  });

  test("ignores thinking marks once thinking is closed", () => {
    const { state, out } = play(startSplit("semantic"), [mark("think_close"), "a", mark("think_open"), "b", mark("acoustic_open"), "c"]);
    expect(out.map(({ channel }) => channel)).toEqual(["answer", "answer", "answer"]);
    expect(isThinking(state)).toBe(false);
  });

  test("puts a tool call on its own channel, but not inside of thinking", () => {
    const { out } = play(startSplit("answer"), [mark("tool_open"), "{}", mark("tool_close"), "ok"]);
    expect(out).toEqual([
      { channel: "tool_call", text: "{}" },
      { channel: "answer", text: "ok" },
    ]);
    expect(play(startSplit("semantic"), [mark("tool_open"), "{}"]).out).toEqual([{ channel: "semantic", text: "{}" }]);
  });
});
