import { type Conversation, NEW_CONVERSATION, type Turn } from "@aloud/client";
import { expect, test } from "vitest";
import { createPrinter } from "./printer.ts";

const turn: Turn = {
  id: "i1",
  input: "speech",
  responseId: "r1",
  status: "thinking",
  transcript: "",
  isTranscribed: false,
  semantic: "",
  acoustic: "",
  isThinking: false,
  isHeuristic: false,
  answer: "",
  calls: [],
  timing: undefined,
  error: undefined,
};
const timing = { endpoint_ms: 501.2, first_thought_ms: 520, first_answer_ms: 540, done_ms: 600, prefilled_tokens: 41, speculated: true };

function printed(color: boolean, ...turns: readonly Partial<Turn>[]): string {
  let text = "";
  const print = createPrinter({ color, write: (piece) => (text += piece) });
  let now = turn;
  for (const change of turns) {
    now = { ...now, ...change };
    print({ ...NEW_CONVERSATION, turns: [now] } satisfies Conversation);
  }
  return text;
}

test("the printer writes each channel in its line, and the time that it took", () => {
  expect(
    printed(
      false,
      { transcript: "lights" },
      { semantic: "Light " },
      { transcript: "lights on", isTranscribed: true },
      { semantic: "Light is " },
      { semantic: "Light is wanted.", acoustic: "A low voice." },
      { answer: "It is on.", status: "answering" },
      { status: "completed", timing },
    ),
  ).toBe(
    [
      "  you       lights on",
      "  semantic  Light is wanted.",
      "  acoustic  A low voice.",
      "  answer    It is on.",
      "            turn over after 501 ms · thought 520 ms · answer 540 ms · done 600 ms · 41 tokens heard in advance",
      "",
      "",
    ].join("\n"),
  );
});

test("the printer writes a corrected transcript again, whole, and over the old one in a terminal", () => {
  expect(printed(false, { transcript: "fifty" }, { transcript: "fifteen" })).toBe("  you       fifty\n  you       fifteen");
  expect(printed(true, { transcript: "fifty" }, { transcript: "fifteen" })).toContain("fifty\u001b[0m\r\u001b[K");
});

test("the printer writes only what is new when thinking comes back to a channel", () => {
  expect(
    printed(
      false,
      { semantic: "Light is wanted.", isTranscribed: true },
      { acoustic: "A low voice." },
      { semantic: "Light is wanted. In the kitchen." },
      { acoustic: "A low voice. " },
      { acoustic: "A low voice. It hurries." },
      { semantic: "Light is wanted. In the kitchen. Now." },
    ),
  ).toBe(
    [
      "  semantic  Light is wanted.",
      "  acoustic  A low voice.",
      "  semantic  In the kitchen.",
      "  acoustic  It hurries.",
      "  semantic  Now.",
    ].join("\n"),
  );
});

test("the printer lets thinking wait for the user's words, but not longer than until the answer", () => {
  expect(printed(false, { transcript: "lights" }, { semantic: "Light." })).toBe("  you       lights");
  expect(printed(false, { semantic: "Light." }, { answer: "It" })).toBe("  semantic  Light.\n  answer    It");
});

test("the printer writes each word once where thinking goes on beside the answer", () => {
  const heard = { transcript: "rain?", isTranscribed: true };
  const deltas = [
    { semantic: "They ask. " },
    { answer: "It " },
    { semantic: "They ask. So it is." },
    { answer: "It rains" },
    { answer: "It rains." },
  ];
  expect(printed(false, heard, ...deltas)).toBe(
    ["  you       rain?", "  semantic  They ask. ", "  answer    It ", "  semantic  So it is.", "  answer    rains."].join("\n"),
  );
});

test("the printer gives the server's own count where there is one", () => {
  expect(printed(false, { status: "completed", timing: { ...timing, cached_tokens: 32 } })).toContain(
    "41 tokens heard in advance (32 in the server's cache)",
  );
});

test("the printer says why a turn failed", () => {
  const error = { code: "engine_failed", message: "the engine could not finish" };
  expect(printed(false, { status: "failed", error })).toContain("failed: the engine could not finish");
});

test("the printer says once that channels are guessed", () => {
  let text = "";
  const print = createPrinter({ color: false, write: (piece) => (text += piece) });
  const guessed: Turn = { ...turn, isHeuristic: true, semantic: "Light.", answer: "On.", status: "completed" };
  print({ ...NEW_CONVERSATION, turns: [guessed] });
  print({ ...NEW_CONVERSATION, turns: [guessed, { ...guessed, id: "i2" }] });
  expect(text.match(/guessed/gu)).toHaveLength(1);
  expect(printed(false, { semantic: "Light.", answer: "On.", status: "completed" })).not.toContain("guessed");
});

test("the printer uses color only when asked to", () => {
  expect(printed(true, { answer: "yes" })).toContain("\u001b[1myes\u001b[0m");
});
