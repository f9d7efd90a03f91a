import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChannelSplitter, type ChannelText, type SplitterRules } from "./channel-splitter.ts";

const rules: SplitterRules = {
  start: "semantic",
  markers: { "<acoustic>": "acoustic", "</think>": "answer", "<tool_call>": "tool_call", "</tool_call>": "return" },
};

/** Joins neighbouring texts of one channel. */
function joined(parts: readonly ChannelText[]): ChannelText[] {
  const out: ChannelText[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (last?.channel === part.channel) out[out.length - 1] = { channel: last.channel, text: last.text + part.text };
    else out.push(part);
  }
  return out;
}

function scanned(pieces: readonly string[]): ChannelText[] {
  const splitter = new ChannelSplitter(rules);
  return joined([...pieces.flatMap((piece) => splitter.scan(piece)), ...splitter.end()]);
}

describe("ChannelSplitter.scan()", () => {
  const whole = " They ask.<acoustic> Calm voice.</think> Here you are. <tool_call>timer(5m)</tool_call> Done.";
  const expected = [
    { channel: "semantic", text: "They ask." },
    { channel: "acoustic", text: "Calm voice." },
    { channel: "answer", text: "Here you are. " },
    { channel: "tool_call", text: "timer(5m)" },
    { channel: "answer", text: "Done." },
  ];

  test("sorts text by its markers and drops the white space at the start of a channel", () => {
    expect(scanned([whole])).toEqual(expected);
  });

  test("gives the same however the text is cut into pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 40 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), whole.length];
        expect(scanned(edges.slice(1).map((to, i) => whole.slice(edges[i], to)))).toEqual(expected);
      }),
    );
  });

  test("holds back only what may still become a marker", () => {
    const splitter = new ChannelSplitter(rules);
    expect(splitter.scan("a < b </thi")).toEqual([{ channel: "semantic", text: "a < b " }]);
    expect(splitter.scan("s")).toEqual([{ channel: "semantic", text: "</this" }]);
  });

  test("gives back an unfinished marker as text at the end", () => {
    expect(scanned(["so 3 </thin"])).toEqual([{ channel: "semantic", text: "so 3 </thin" }]);
  });
});

test("ChannelSplitter.plain() leaves text alone that looks like a marker", () => {
  const splitter = new ChannelSplitter(rules);
  expect(splitter.plain(' The user writes "</think>".')).toEqual([{ channel: "semantic", text: 'The user writes "</think>".' }]);
  splitter.mark("<acoustic>");
  splitter.mark("<|unknown|>");
  expect(splitter.plain(" No sound.")).toEqual([{ channel: "acoustic", text: "No sound." }]);
});

test("ChannelSplitter.mark() does not let an answer become a thought again", () => {
  const splitter = new ChannelSplitter(rules);
  splitter.mark("</think>");
  splitter.mark("<acoustic>");
  expect(splitter.plain("Done.")).toEqual([{ channel: "answer", text: "Done." }]);
});
