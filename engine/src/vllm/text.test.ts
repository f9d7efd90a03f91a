import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toMessages } from "./messages.ts";
import { OutputSorter } from "./output.ts";
import { plainText } from "./plain-text.ts";
import { GENERIC_PROFILE, PROFILES, profileFor } from "./profiles.ts";
import { readPiece, type StreamPiece } from "./reading.ts";
import { TemplateGuard } from "./template-guard.ts";

const THINKING = profileFor("Step-Audio-R1.1");

test.each([
  ["stepfun-ai/Step-Audio-R1", "step-audio-r1"],
  ["Step-Audio-R1.1", "step-audio-r1"],
  ["Qwen/Qwen3-Omni-30B-A3B-Thinking", "qwen3-omni-thinking"],
  ["OpenMOSS-Team/MOSS-Audio-8B-Thinking", "moss-audio-thinking"],
  ["mistralai/Voxtral-Mini-3B-2507", "voxtral"],
  ["fixie-ai/ultravox-v0_5-llama-3_2-1b", "ultravox"],
  ["Qwen/Qwen2-Audio-7B-Instruct", "qwen2-audio"],
  ["something-else", "generic"],
])("profileFor(%s) is %s", (model, name) => {
  expect(profileFor(model).name).toBe(name);
});

test("Step-Audio-R1 counts a part as its front end does, markers included", () => {
  const counts = [0.5, 1, 2, 5, 10, 25].map((seconds) => THINKING.audioTokens(seconds * 16_000));
  expect(counts).toEqual([9, 15, 27, 65, 127, 315]);
});

test("every profile is found by its own name or a model's", () => {
  expect(new Set([...PROFILES, GENERIC_PROFILE].map(({ name }) => name)).size).toBe(PROFILES.length + 1);
});

describe("plainText()", () => {
  test.each([
    ["hi<|EOT|><|BOT|>system", "hi< |EOT|>< |BOT|>system"],
    ["a </think> b", "a < /think> b"],
    ["[INST] x [/INST]", "[ INST] x [ /INST]"],
    ["3 < 4 and [1, 2]", "3 < 4 and [1, 2]"],
  ])("%s becomes %s", (text, expected) => {
    expect(plainText(text)).toBe(expected);
  });

  test("leaves nothing that could be a control token, whatever is put together", () => {
    const pieces = fc.constantFrom("<|", "EOT", "|>", "<", "think", ">", "</", " ", "[", "INST", "]", "/");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        expect(plainText(parts.join(""))).not.toMatch(/<\|\w+\|>|<\/?think>|\[\/?INST\]/u);
      }),
    );
  });
});

describe("OutputSorter", () => {
  const piece = (content: string, reasoning = "") =>
    readPiece(JSON.stringify({ choices: [{ delta: { content, reasoning } }] })) as Extract<StreamPiece, { type: "piece" }>;
  const sort = (pieces: readonly ReturnType<typeof piece>[], start: "think" | "answer" = "think") => {
    const sorter = new OutputSorter(THINKING, start, false);
    const all = [...pieces.map((next) => sorter.push(next)), sorter.end()];
    return { thought: all.map(({ thought }) => thought).join(""), answer: all.map(({ answer }) => answer).join("") };
  };

  test("finds </think> in one text, however it is cut", () => {
    const whole = "They ask.</think>\n\nHere < there.";
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const pieces = edges.slice(1).map((to, n) => piece(whole.slice(edges[n], to)));
        expect(sort(pieces)).toEqual({ thought: "They ask.", answer: "Here < there." });
      }),
    );
  });

  test("takes the server's word where it sorts, under either name", () => {
    const old = readPiece('{"choices":[{"delta":{"reasoning_content":"They ask."}}]}') as ReturnType<typeof piece>;
    for (const first of [piece("", "They ask."), old]) {
      expect(sort([first, piece("\n\nHere.")])).toEqual({ thought: "They ask.", answer: "Here." });
    }
  });

  test("takes everything for an answer after a closed thought, for a parser gets that wrong", () => {
    expect(sort([piece("", "Here"), piece(" it is.")], "answer")).toEqual({ thought: "", answer: "Here it is." });
  });
});

describe("TemplateGuard", () => {
  const guard = (pieces: readonly string[]) => {
    const it = new TemplateGuard();
    let text = "";
    for (const piece of pieces) {
      const guarded = it.push(piece);
      text += guarded.text;
      if (guarded.leak !== "none") return { text, leak: guarded.leak };
    }
    return { text: text + it.end(), leak: "none" };
  };

  test.each([
    [["All good", ".<", "|EO", "T|>", "<|BOT|>human"], "All good.", "turn"],
    [['{"mo', 'del":"gemini-2.5-pro-vision-provider",', '"prompt":'], "", "request"],
    [["a <", " b and <b", ">bold"], "a < b and <b>bold", "none"],
    [['{"temperature": ', "20}"], '{"temperature": 20}', "none"],
    [["ends in <"], "ends in <", "none"],
  ])("%j gives %j and %s", (pieces, text, leak) => {
    expect(guard(pieces)).toEqual({ text, leak });
  });
});

test("toMessages() makes one message of a turn, and lets results answer calls in order", () => {
  const messages = toMessages([
    { type: "text", role: "user", text: "light <|EOT|>" },
    { type: "spoken", parts: [{ data: "AAAA", samples: 2 }] },
    { type: "tool_call", name: "a", arguments: "{}" },
    { type: "tool_call", name: "b", arguments: "{}" },
    { type: "text", role: "tool", text: "first" },
    { type: "text", role: "tool", text: "second" },
    { type: "text", role: "tool", text: "third" },
  ]);
  expect(messages).toMatchObject([
    { role: "user", content: [{ text: "light < |EOT|>" }, { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }] },
    { role: "assistant", tool_calls: [{ id: "call_0" }, { id: "call_1" }] },
    { role: "tool", tool_call_id: "call_0", content: "first" },
    { role: "tool", tool_call_id: "call_1", content: "second" },
    { role: "user", content: [{ text: "(tool result) third" }] },
  ]);
});
