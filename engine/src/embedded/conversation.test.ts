import { Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { GenerateEvent, GenerateRequest, Tool } from "../engine.ts";
import type { HeardAudio } from "../hearing/heard-audio.ts";
import { EmbeddedConversation } from "./conversation.ts";
import type { KvCache } from "./kv-cache.ts";
import type { Model } from "./model.ts";
import type { ModelConfig } from "./model-config.ts";
import { Scheduler } from "./scheduler.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 50, maxAnswerTokens: 50 };
const DIRECT: GenerateRequest = { ...REQUEST, mode: "direct" };
const NEVER = new AbortController().signal;

const CONTROLS = [
  ...["<|system|>", "<|user|>", "<|assistant|>", "<think>", "<acoustic>", "</think>"],
  ...["<tool_call>", "</tool_call>", "<|tool|>", "<|eot|>", "<|audio|>"],
];
const specialTokens = new Map(CONTROLS.map((spelling, id) => [spelling, id]));
const END = specialTokens.get("<|eot|>") ?? 0;
/** Blocks, of one frame each, that the fake decoder can attend to. */
const MAX_FRAMES = 6;

const CONFIG: ModelConfig = {
  name: "fake",
  version: "1",
  contextTokens: 400,
  vocabSize: 2_000,
  hiddenSize: 1,
  positionPeriod: 1_024,
  blockFrames: 1,
  stretchBlocks: undefined,
  crossFramesPerBlock: 1,
  maxCrossFrames: MAX_FRAMES,
  channels: ["semantic", "acoustic", "answer"],
  specialTokens,
  ctc: undefined,
  prompt: {
    systemOpen: ["<|system|>"],
    systemClose: ["<|eot|>"],
    takesInstructions: false,
    userOpen: ["<|user|>"],
    audio: ["<|audio|>"],
    userClose: ["<|eot|>"],
    assistantOpen: ["<|assistant|>"],
    think: ["<think>"],
    direct: ["<think>", "</think>"],
    acousticOpen: "<acoustic>",
    thinkClose: "</think>",
    turnClose: "<|eot|>",
    tools: { resultOpen: ["<|tool|>"], resultClose: ["<|eot|>"], callOpen: "<tool_call>", callClose: "</tool_call>" },
  },
  transcript: { channel: "semantic", open: '"', close: '"', sentence: undefined },
  scribe: undefined,
  confidence: { transcript: 0.5, unclear: { semantic: " unclear", answer: "not clear: {transcript}" } },
  tools: [
    { name: "set_light", parameters: { state: { type: "string" } } },
    { name: "get_time", parameters: {} },
  ],
  endTokens: new Set([END]),
  logMel: {
    sampleRateHz: 16_000,
    fftLength: 4,
    mels: 1,
    minHz: 0,
    maxHz: 8_000,
    hopSamples: 4,
    leftZeros: 0,
    floor: 1,
    offset: 0,
    scale: 1,
  },
};
const controls = new Map([...specialTokens].map(([spelling, id]) => [id, spelling]));
/** Words are letters here: a token for each character, far from the control tokens. */
const FIRST_LETTER = 1_000;
const BLOCK_SAMPLES = 4;
/** Tokens that share what probability is left, and are never picked. */
const FIRST_OTHER = 100;
const OTHERS = 20;
/** The logit of every other token. */
const IMPOSSIBLE = -30;

/** `"<think>ab"` as tokens: control tokens by their spelling, letters one by one. */
function tokensOf(spelled: string): number[] {
  return [...spelled.matchAll(/<[^>]+>|[\s\S]/gu)].map(([part]) => specialTokens.get(part) ?? FIRST_LETTER + part.charCodeAt(0));
}

function spell(tokens: Iterable<number>): string {
  return [...tokens].map((token) => controls.get(token) ?? String.fromCharCode(token - FIRST_LETTER)).join("");
}

/** A block of audio is heard as one letter. */
const heardAs = (letters: string) =>
  Float32Array.from([...letters].flatMap((letter) => new Array<number>(BLOCK_SAMPLES).fill(letter.charCodeAt(0))));

const lettersOf = ({ blocks }: HeardAudio) => String.fromCharCode(...blocks.map(({ keys }) => keys[0] ?? 0));

interface Fake {
  readonly contextTokens?: number;
  /** What the scribe writes down, and how it weighs words. */
  readonly scribe?: {
    readonly words: string;
    readonly weigh?: (words: string) => number;
    readonly leastConfidence?: { readonly both: number; readonly scribe: number };
  };
  /** Probability of every token that the model picks. */
  readonly sureness?: number;
}

/**
 * A model that hears letters and generates what it is told. Its cache holds the tokens themselves, so that the tests read what a real model
 * would have been given.
 */
function fakeModel(script: string, { contextTokens = 400, sureness = 0.9, scribe }: Fake) {
  const rest = tokensOf(script);
  let cache: KvCache | undefined;
  const runs: string[] = [];
  const extend = (tokens: readonly number[], before: KvCache, audio: HeardAudio): KvCache => {
    runs.push(`${spell(tokens)} @${lettersOf(audio)}`);
    const ids = Float32Array.from([...tokensIn(before), ...tokens]);
    cache = {
      layers: [new Tensor("float32", ids, [1, 1, ids.length, 1])],
      length: ids.length,
      position: before.position + tokens.length,
    };
    return cache;
  };
  const likely = (token: number) => {
    const logits = new Float32Array(2_000).fill(IMPOSSIBLE);
    logits.fill(Math.log((1 - sureness) / OTHERS), FIRST_OTHER, FIRST_OTHER + OTHERS);
    logits[token] = Math.log(sureness);
    return logits;
  };
  const model: Model = {
    config: {
      ...CONFIG,
      contextTokens,
      transcript: CONFIG.transcript && { ...CONFIG.transcript, sentence: scribe && 'I hear "{transcript}".' },
      scribe: scribe && {
        prompt: [],
        end: "",
        positions: 1,
        vocabSize: 1,
        sure: 0.95,
        weight: 2,
        leastConfidence: scribe.leastConfidence ?? { both: 0, scribe: 0 },
      },
    },
    tokenizer: {
      encode: (text) => [...text].map((letter) => FIRST_LETTER + letter.charCodeAt(0)),
      spelling: (id) => String.fromCharCode(id - FIRST_LETTER).replace(" ", "Ġ"),
      control: (id) => controls.get(id),
      controlId: (spelling) => specialTokens.get(spelling) ?? 0,
    },
    ear: {
      blockSamples: BLOCK_SAMPLES,
      initial: () => ({ mel: new Float32Array(0), encoder: {}, ctc: undefined, blocks: 0, isOver: false }),
      hear: async (block, state) => ({
        state,
        endsStretch: false,
        audio: { keys: block.slice(0, 1), values: block.slice(0, 1), frames: 1 },
        scribeAudio: scribe && { keys: block.slice(0, 1), values: block.slice(0, 1), frames: 1 },
        transcript: { stable: "heard", tail: "" },
        endOfTurn: 0.25,
      }),
      silenceAfter: async () => ({ keys: new Float32Array(1), values: new Float32Array(1), frames: 1 }),
    },
    decoder: {
      empty: () => ({ layers: [new Tensor("float32", new Float32Array(0), [1, 1, 0, 1])], length: 0, position: 0 }),
      prefill: async (tokens, before, audio) => extend(tokens, before, audio),
      step: async (tokens, before, audio) => {
        return { cache: extend(tokens, before, audio), logits: likely(rest.shift() ?? END) };
      },
      // The words of the draft are probable as far as the script has them.
      score: async (tokens, before, audio) => {
        const from = tokens.lastIndexOf(specialTokens.get("<think>") ?? 0);
        const next = (at: number) => (at < from ? END : (rest[at - from] ?? END));
        const logits = tokens.map((_, at) => likely(next(at)));
        let agreed = 0;
        while (agreed < tokens.length - from - 1 && tokens[from + 1 + agreed] === rest[agreed]) agreed += 1;
        // And the token after them has been told.
        if (agreed > 0) rest.splice(0, agreed + 1);
        return { cache: extend(tokens, before, audio), logits };
      },
    },
    scribe: scribe && {
      listen: async (dictation) => dictation,
      live: () => ({ stable: "heard", tail: "" }),
      finish: async ({ audio }) => ({ words: scribe.words, audio }),
      weigh: async (_audio, words) => scribe.weigh?.(words) ?? 0,
    },
    release: async () => {},
  };
  return { model, seen: () => spell(tokensIn(cache)), position: () => cache?.position, runs };
}

function tokensIn(cache: KvCache | undefined): number[] {
  const data = cache?.layers[0]?.data;
  return data instanceof Float32Array ? [...data] : [];
}

function converse(script: string, fake: Fake = {}) {
  const made = fakeModel(script, fake);
  const conversation = new EmbeddedConversation(made.model, new Scheduler(), () => {});
  return {
    ...made,
    conversation,
    hear: (letters: string) => conversation.append({ type: "audio", samples: heardAs(letters) }),
    write: (text: string) => conversation.append({ type: "text", role: "user", text }),
    result: (text: string) => conversation.append({ type: "text", role: "tool", text }),
    async answer(request = REQUEST, signal = NEVER) {
      const events: GenerateEvent[] = [];
      for await (const event of conversation.generate(request, signal)) events.push(event);
      return events;
    },
  };
}

/** `semantic:hello answer:hi length` */
function summary(events: readonly GenerateEvent[]): string {
  let channel = "";
  let out = "";
  for (const event of events) {
    if (event.type === "delta") out += event.channel === channel ? event.text : ` ${event.channel}:${event.text}`;
    if (event.type === "delta") channel = event.channel;
    if (event.type === "transcript") out += ` [${event.text}]`;
    if (event.type === "transcript") channel = "";
    if (event.type === "end") out += ` ${event.reason}`;
  }
  return out.trim();
}

describe("a turn", () => {
  test("is written as the model was trained on it: a mark for the audio, thinking, answer", async () => {
    const { hear, answer, seen } = converse("hm<acoustic>loud</think>yes<|eot|>");
    await hear("abc");
    expect(summary(await answer())).toBe("semantic:hm [] acoustic:loud answer:yes stop");
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think>hm<acoustic>loud</think>yes");
    await hear("d");
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think>hm<acoustic>loud</think>yes<|eot|><|user|>");
  });

  test("costs one run of the decoder when it is answered, however long the speech was", async () => {
    const { hear, answer, runs } = converse("yes<|eot|>");
    await hear("a");
    await hear("bcd");
    expect(runs).toEqual(["<|user|> @"]);
    await answer(DIRECT);
    expect(runs[1]).toBe("<|audio|><|eot|><|assistant|><think></think> @abcd");
  });

  test("attends to its own audio, up to the end of its answer", async () => {
    const { hear, write, answer, runs } = converse("a<|eot|>b<|eot|>");
    await hear("xy");
    await answer(DIRECT);
    await write("hi");
    await answer(DIRECT);
    expect(runs.slice(1)).toEqual([
      "<|audio|><|eot|><|assistant|><think></think> @xy",
      "a @xy",
      "<|eot|> @xy",
      "<|user|>hi @",
      "<|eot|><|assistant|><think></think> @",
      "b @",
    ]);
  });

  test("attends to the newest of its audio, when it is longer than what the decoder can attend to", async () => {
    const { hear, answer, runs } = converse("ok<|eot|>");
    const { tokens } = await hear("abcdefgh");
    expect(tokens).toBe(2 + MAX_FRAMES);
    const end = (await answer(DIRECT)).at(-1);
    expect(runs.at(-1)).toBe("k @cdefgh");
    expect(end).toMatchObject({ usage: { audioTokens: MAX_FRAMES, promptTokens: 3 + MAX_FRAMES, prefilledTokens: 1 + MAX_FRAMES } });
  });

  test("pads only what is left at the end", async () => {
    const { conversation, answer, runs } = converse("</think>ok");
    const samples = heardAs("ab").subarray(0, 6);
    expect((await conversation.append({ type: "audio", samples })).tokens).toBe(3);
    await answer();
    expect(runs.at(-1)).toBe("k @ab");
  });

  test("in direct mode is answered with empty thinking, and transcribed by the ear", async () => {
    const { hear, answer, seen } = converse("yes<|eot|>");
    expect(await hear("a")).toMatchObject({ transcript: { stable: "heard", tail: "" }, endOfTurn: 0.25 });
    expect(summary(await answer(DIRECT))).toBe("[heard] answer:yes stop");
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think></think>yes");
  });

  test("may hold audio and text: what is written before the audio does not attend to it, what comes after it does", async () => {
    const { conversation, hear, write, answer, runs } = converse("ok");
    await write("uv");
    await conversation.append({ type: "audio", samples: heardAs("a").subarray(0, 2) });
    await write("xy");
    await hear("b");
    await answer(DIRECT);
    expect(runs.slice(0, 2)).toEqual(["<|user|>uv @", "<|audio|>xy<|eot|><|assistant|><think></think> @ab"]);
  });

  test("gives out the user's words as soon as the thinking has quoted them", async () => {
    const { hear, answer } = converse('says "go".<acoustic>ok</think>going');
    await hear("a");
    expect(summary(await answer())).toBe('semantic:says "go" [go] semantic:. acoustic:ok answer:going stop');
  });

  test("that was typed has no transcript", async () => {
    const { write, answer } = converse('says "go".</think>going');
    await write("go");
    expect(summary(await answer())).toBe('semantic:says "go". answer:going stop');
  });
});

describe("what a conversation is opened with", () => {
  test("is history, except for user texts at the end: these are answered", async () => {
    const { conversation, answer, seen } = converse("five</think>set");
    await conversation.begin({
      instructions: "be kind",
      items: [
        { type: "text", role: "user", text: "timer" },
        { type: "text", role: "assistant", text: "when" },
        { type: "text", role: "user", text: "now" },
      ],
    });
    await answer();
    // nano was not trained on instructions: they are left out.
    expect(seen()).toBe("<|user|>timer<|eot|><|assistant|><think></think>when<|eot|><|user|>now<|eot|><|assistant|><think>five</think>set");
  });
});

test("an earlier user text that nobody answered stays a turn of its own when something is appended", async () => {
  const { conversation, hear, seen } = converse("");
  await conversation.begin({ items: [{ type: "text", role: "user", text: "earlier" }] });
  expect((await hear("a")).tokens).toBe(3);
  expect(seen()).toBe("<|user|>earlier<|eot|><|user|>");
});

describe("budgets", () => {
  test("thinking that reaches its budget is closed and the answer begins", async () => {
    const { hear, answer, seen } = converse("abcdefyes");
    await hear("a");
    const events = await answer({ ...REQUEST, maxThinkTokens: 4 });
    // The token that was picked when the budget was reached gives way to the closing mark.
    expect(summary(events)).toBe("semantic:abcd [heard] answer:fyes stop");
    expect(seen()).toContain("<think>abcd</think>fyes");
    expect(events.at(-1)).toMatchObject({ usage: { thinkTokens: 4, answerTokens: 4 } });
  });

  test("an answer that reaches its budget goes on where it stopped", async () => {
    const { hear, answer, seen } = converse("abcdef<|eot|>");
    await hear("x");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 2 }))).toBe("[heard] answer:ab length");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 2 }))).toBe("answer:cd length");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 2 }))).toBe("answer:ef stop");
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think></think>abcdef");
  });

  test("an answer that is not continued keeps only what was said", async () => {
    const { hear, answer, seen } = converse("abcd");
    await hear("x");
    await answer({ ...DIRECT, maxAnswerTokens: 2 });
    await hear("y");
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think></think>ab<|eot|><|user|>");
  });

  test("a character that the budget cuts is not lost", async () => {
    // "é" is two tokens, the bytes C3 and A9.
    const { hear, answer } = converse("aÃ©b");
    await hear("x");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 2 }))).toBe("[heard] answer:a length");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 5 }))).toBe("answer:éb stop");
  });
});

test("thinking with no budget is no thinking", async () => {
  const { hear, answer, seen } = converse("yes<|eot|>");
  await hear("a");
  expect(summary(await answer({ ...REQUEST, maxThinkTokens: 0 }))).toBe("[heard] answer:yes stop");
  expect(seen()).toContain("<|assistant|><think></think>yes");
});

test.each([
  ["in the quotation", 's "go', /semantic:s "go \[heard\] answer:/, '<think>s "go</think>'],
  ["in the acoustic part", "s.<acoustic>lo", /acoustic:lo answer:/, "<think>s.<acoustic>lo</think>"],
])("thinking that is cut %s is closed", async (_where, thought, said, written) => {
  const { hear, answer, seen } = converse(`${thought}nger</think>ok`);
  await hear("a");
  const budget = tokensOf(thought).length;
  expect(summary(await answer({ ...REQUEST, maxThinkTokens: budget }))).toMatch(said);
  expect(seen()).toContain(written);
});

describe("the words that the model heard", () => {
  const script = 'says "go on". call.<acoustic>loud</think>going<|eot|>';

  test("come with the model's confidence in them", async () => {
    const { hear, answer } = converse(script, { sureness: 0.75 });
    await hear("a");
    const transcript = (await answer()).find(({ type }) => type === "transcript");
    expect(transcript).toEqual({ type: "transcript", text: "go on", confidence: expect.closeTo(0.75) });
  });

  test("are called unclear when the confidence is too low, in the thought and in the answer", async () => {
    const { hear, answer, seen } = converse('says "go on"<acoustic>loud</think>', { sureness: 0.4 });
    await hear("a");
    const events = await answer();
    expect(summary(events)).toBe(
      'semantic:says "go on" [go on] semantic:. unclear acoustic:<acoustic>loud answer:not clear: go on stop'.replace("<acoustic>", ""),
    );
    expect(seen()).toMatch(/<think>says "go on"\. unclear<acoustic>.*<\/think>not clear: go on$/u);
    expect(events.at(-1)).toMatchObject({ usage: { answerTokens: "not clear: go on".length } });
  });

  test("go on being called unclear when the answer is cut", async () => {
    const { hear, answer } = converse('says "go on"</think>', { sureness: 0.4 });
    await hear("a");
    expect(summary(await answer({ ...REQUEST, maxAnswerTokens: 3 }))).toMatch(/answer:not length$/);
    expect(summary(await answer())).toBe("answer: clear: go on stop");
  });

  test("are not doubted when they were typed", async () => {
    const { write, answer } = converse(script, { sureness: 0.4 });
    await write("go on");
    expect(summary(await answer())).toContain("answer:going stop");
  });
});

describe("tools", () => {
  const light: Tool = {
    name: "setLight",
    parameters: { type: "object", properties: { state: { type: "boolean" } }, required: ["state"] },
  };

  async function withTools(script: string, tools: readonly Tool[] = [light]) {
    const made = converse(script);
    await made.conversation.begin({ tools });
    return made;
  }
  const calls = (events: readonly GenerateEvent[]) => events.filter(({ type }) => type === "tool_call");

  test("a thought that ends with a call for a declared tool is carried out, whatever the model would have answered", async () => {
    const { write, answer } = await withTools("set_light(state=on).</think>done<|eot|>");
    await write("on");
    const events = await answer();
    expect(calls(events)).toEqual([{ type: "tool_call", name: "setLight", arguments: '{"state":true}' }]);
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "stop" });
  });

  test("a call that is only quoted in the thought is not carried out", async () => {
    const { write, answer } = await withTools('"set_light(state=on)".</think>done<|eot|>');
    await write("on");
    expect(calls(await answer())).toEqual([]);
  });

  test("that the model knows are declared by its own names, and called by the app's", async () => {
    const { write, result, answer, seen } = await withTools("on.</think><tool_call>set_light(state=on)</tool_call>ok.</think>done<|eot|>");
    await write("on");
    const events = await answer();
    expect(summary(events)).toBe("semantic:on. stop");
    expect(calls(events)).toEqual([{ type: "tool_call", name: "setLight", arguments: '{"state":true}' }]);
    await result("ok");
    expect(summary(await answer())).toBe("semantic:ok. answer:done stop");
    expect(seen()).toBe(
      "<|system|>tools: set_light<|eot|><|user|>on<|eot|><|assistant|><think>on.</think><tool_call>set_light(state=on)</tool_call><|eot|>" +
        "<|tool|>ok<|eot|><|assistant|><think>ok.</think>done",
    );
  });

  test("results do not attend to the audio of the turn before", async () => {
    const { hear, result, answer, runs } = await withTools("</think><tool_call>set_light(state=on)</tool_call>");
    await hear("a");
    await answer();
    await result("ok");
    expect(runs.slice(-2)).toEqual(["</tool_call><|eot|> @a", "<|tool|>ok @"]);
  });

  test("several results are one turn, which audio does not join", async () => {
    const { hear, result, seen } = await withTools("");
    await result("ok");
    await result("12");
    await hear("a");
    expect(seen()).toBe("<|system|>tools: set_light<|eot|><|tool|>ok 12<|eot|><|user|>");
  });

  test("that the model does not know are not declared", async () => {
    const { write, seen } = await withTools("", [{ name: "launch_rocket" }]);
    await write("go");
    expect(seen()).toBe("<|user|>go");
  });

  test("with a schema that is none are refused", async () => {
    const { conversation } = converse("");
    const begun = conversation.begin({ tools: [{ name: "x", parameters: { properties: 1 } }] });
    await expect(begun).rejects.toMatchObject({ code: "invalid_value" });
  });

  test("are called once more when the first call is invalid, and nothing of that one stays", async () => {
    const { write, answer, seen } = await withTools("</think><tool_call>set_light(state=blue)</tool_call>set_light(state=off)</tool_call>");
    await write("off");
    const events = await answer();
    expect(calls(events)).toEqual([{ type: "tool_call", name: "setLight", arguments: '{"state":false}' }]);
    expect(seen()).not.toContain("blue");
  });

  test("that are called wrongly twice end the answer, and nothing of it leaves the engine", async () => {
    const { write, answer, seen } = await withTools("</think><tool_call>get_time()</tool_call>set_light(<|eot|>next</think>ok<|eot|>");
    await write("off");
    const events = await answer();
    expect(events).toMatchObject([{ type: "end", reason: "invalid_tool_call" }]);
    await write("next");
    await answer();
    expect(seen()).toContain("<think></think><|eot|><|user|>next");
  });

  test("are not called when the request says none", async () => {
    const { write, answer } = await withTools("</think><tool_call>a<|eot|>");
    await write("on");
    expect(calls(await answer({ ...REQUEST, toolChoice: "none" }))).toEqual([]);
  });

  test.each([
    ["after thinking", REQUEST, "on.</think>set_light(state=on)</tool_call>"],
    ["at once", DIRECT, "set_light(state=on)</tool_call>"],
  ])("are called when the request demands it, %s", async (_when, request, script) => {
    const { write, answer } = await withTools(script);
    await write("on");
    expect(calls(await answer({ ...request, toolChoice: "required" }))).toHaveLength(1);
  });

  test("are called whole by the continuation when the budget cut the call", async () => {
    const { write, answer } = await withTools("</think>o<tool_call>set_l?set_light(state=on)</tool_call>");
    await write("on");
    const first = await answer({ ...REQUEST, maxAnswerTokens: 7 });
    expect(first.at(-1)).toMatchObject({ reason: "length", usage: { answerTokens: 1 } });
    expect(calls(await answer())).toHaveLength(1);
  });

  test("that were called before are history, as the model would have written them", async () => {
    const { conversation, answer, seen } = converse("</think>done<|eot|>");
    await conversation.begin({
      tools: [light],
      items: [
        { type: "text", role: "user", text: "on" },
        { type: "tool_call", name: "setLight", arguments: '{"state":true}' },
        { type: "text", role: "tool", text: "ok" },
      ],
    });
    expect(summary(await answer())).toBe("answer:done stop");
    expect(seen()).toBe(
      "<|system|>tools: set_light<|eot|><|user|>on<|eot|><|assistant|><think></think><tool_call>set_light(state=on)</tool_call><|eot|>" +
        "<|tool|>ok<|eot|><|assistant|><think></think>done",
    );
  });
});

describe("a turn that ends without an answer", () => {
  test("in its thought is answered from what was thought", async () => {
    const { hear, answer, seen } = converse('says "go on"<acoustic>lou<|eot|>going<|eot|>');
    await hear("a");
    expect(summary(await answer())).toBe('semantic:says "go on" [go on] acoustic:lou answer:going stop');
    expect(seen()).toMatch(/<acoustic>lou<\/think>going$/u);
  });

  test("gets the answer to words that are not clear, where the model has none", async () => {
    const { hear, answer, seen } = converse('says "go on"<|eot|><|eot|>');
    await hear("a");
    expect(summary(await answer())).toBe('semantic:says "go on" [go on] answer:not clear: go on stop');
    await hear("b");
    expect(seen()).toMatch(/<\/think>not clear: go on<\|eot\|><\|user\|>$/u);
  });
});

describe("loops", () => {
  test("a thought that repeats itself is closed", async () => {
    const { hear, answer } = converse(`${"la".repeat(30)}</think>ok`);
    await hear("a");
    expect(summary(await answer({ ...REQUEST, maxThinkTokens: 500 }))).toMatch(/^semantic:(la){8} \[heard\] answer:/);
  });

  test("an answer that repeats itself ends with length, and its continuation says nothing", async () => {
    const { hear, answer } = converse("no ".repeat(30));
    await hear("a");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 500 }))).toMatch(/answer:(no ){4,8}(no?)? ?length$/);
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 500 }))).toBe("length");
  });
});

describe("an abort", () => {
  test("closes in the history what was open, the thought and the turn", async () => {
    const { conversation, hear, seen } = converse("hmmm");
    await hear("a");
    const abort = new AbortController();
    for await (const event of conversation.generate(REQUEST, abort.signal)) if (event.type === "delta") abort.abort();
    await hear("b");
    expect(seen()).toMatch(/<think>hm?<\/think><\|eot\|><\|user\|>$/);
  });

  test("and a rollback leave no trace", async () => {
    const { conversation, hear, seen, answer } = converse("hmmm<|eot|>");
    await hear("a");
    const pause = conversation.checkpoint();
    await answer(REQUEST, AbortSignal.abort());
    conversation.rollback(pause);
    await hear("b");
    await answer(DIRECT);
    expect(seen()).toBe("<|user|><|audio|><|eot|><|assistant|><think></think>mmm");
  });
});

describe("the context", () => {
  test("forgets whole turns, the oldest first, and positions keep rising", async () => {
    const { write, answer, seen, position } = converse("a<|eot|>b<|eot|>c<|eot|>", { contextTokens: 40 });
    for (const text of ["first", "second", "third"]) {
      await write(text);
      await answer(DIRECT);
    }
    expect(seen()).toBe("<|user|>second<|eot|><|assistant|><think></think>b<|eot|><|user|>third<|eot|><|assistant|><think></think>c");
    expect(position()).toBe(36);
  });

  test("refuses a turn that leaves no room for its answer, and is then as before", async () => {
    const { write, answer, seen } = converse("ok<|eot|>", { contextTokens: 40 });
    await write("a".repeat(20));
    await expect(write("b".repeat(20))).rejects.toMatchObject({ code: "context_length_exceeded" });
    expect(summary(await answer(DIRECT))).toBe("answer:ok stop");
    expect(seen()).not.toContain("b");
  });

  test("that is full in the middle of an answer ends it with length; the next turn goes on", async () => {
    const { write, answer, seen } = converse("abcdefghijklmnopqrstuvwxyz", { contextTokens: 40 });
    await write("q".repeat(25));
    expect(summary(await answer(DIRECT))).toMatch(/^answer:abc.* length$/);
    expect(summary(await answer(DIRECT))).toBe("length");
    await write("next");
    await answer(DIRECT);
    expect(seen()).toMatch(/^<\|user\|>next/);
  });
});

describe("words that the scribe proposes", () => {
  const unlikely =
    (wrong: string, by = -9) =>
    (words: string) =>
      words === wrong ? by : -0.1;

  test("are quoted at once where the model would say the same", async () => {
    const { hear, answer, seen, runs } = converse('I hear "ab".<acoustic>loud</think>yes<|eot|>', { scribe: { words: "ab" } });
    await hear("x");
    expect(summary(await answer())).toBe('semantic:I hear "ab" [ab] semantic:. acoustic:loud answer:yes stop');
    expect(seen()).toBe('<|user|><|audio|><|eot|><|assistant|><think>I hear "ab".<acoustic>loud</think>yes');
    expect(runs.filter((run) => run.includes("hear"))).toEqual(['<|audio|><|eot|><|assistant|><think>I hear "ab". @x']);
  });

  test("give way to the model's own where both together find those likelier", async () => {
    const scribe = { words: "ax", weigh: unlikely("ax") };
    const { hear, answer, seen } = converse('I hear "ab".<acoustic></think>yes<|eot|>', { scribe });
    await hear("x");
    expect(summary(await answer())).toContain("[ab]");
    expect(seen()).toContain('<think>I hear "ab".<acoustic>');
  });

  test("stand where both together find them likelier", async () => {
    const scribe = { words: "ax", weigh: unlikely("ab", -90) };
    const { hear, answer, seen } = converse('I hear "ab".<acoustic></think>yes<|eot|>', { scribe });
    await hear("x");
    expect(summary(await answer())).toContain("[ax]");
    expect(seen()).toContain('<think>I hear "ax".');
  });

  test("do not stand against words that the model is sure of", async () => {
    const scribe = { words: "ax", weigh: unlikely("ab", -90) };
    const { hear, answer } = converse('I hear "ab".<acoustic></think>yes<|eot|>', { scribe, sureness: 0.99 });
    await hear("x");
    expect(summary(await answer())).toContain("[ab]");
  });

  test.each([
    // The x is as good as impossible to the model, and 0.9 to the scribe, who counts twice.
    ["that only the scribe heard", "ax", { both: 0, scribe: 0.3 }, { both: 0.99, scribe: 0.0001 }],
    ["that both heard", "ab", { both: 0.95, scribe: 0 }, { both: 0.85, scribe: 0.99 }],
  ])("%s are believed from a confidence of their own on", async (_what, words, tooMuch, enough) => {
    const said = async (leastConfidence: typeof enough) => {
      const scribe = { words, weigh: unlikely("ab", -90), leastConfidence };
      const { hear, answer } = converse('I hear "ab".<acoustic></think>yes<|eot|>', { scribe });
      await hear("x");
      return summary(await answer());
    };
    expect(await said(tooMuch)).toContain(`answer:not clear: ${words}`);
    expect(await said(enough)).toContain("answer:yes");
  });

  test("are left unsaid where the model would quote nothing", async () => {
    const { hear, answer, seen } = converse("Nobody.<acoustic></think>I hear nothing.<|eot|>", { scribe: { words: "ab" } });
    await hear("x");
    expect(summary(await answer())).toBe("semantic:Nobody. [] answer:I hear nothing. stop");
    expect(seen()).toContain("<think>Nobody.<acoustic>");
  });

  test("count towards the thinking budget, and what is not said is forgotten", async () => {
    const { hear, answer, seen } = converse('I hear "ab".<acoustic>loud</think>yes<|eot|>', { scribe: { words: "ab" } });
    await hear("x");
    await answer({ ...REQUEST, maxThinkTokens: 4 });
    expect(seen()).toContain("<think>I he</think>");
    expect(seen()).not.toContain("ab");
  });

  test("are forgotten as far as they were not said when the answer is aborted", async () => {
    const { conversation, hear, seen } = converse('I hear "ab".<acoustic>loud</think>yes<|eot|>', { scribe: { words: "ab" } });
    await hear("x");
    const stop = new AbortController();
    for await (const event of conversation.generate(REQUEST, stop.signal)) if (event.type === "delta") stop.abort();
    await conversation.append({ type: "text", role: "user", text: "?" });
    expect(seen()).toMatch(/<think>I?[^"]*<\/think><\|eot\|><\|user\|>\?$/u);
  });

  test("are not used for a turn that was typed", async () => {
    const { write, answer, seen } = converse('You write "ab".<acoustic></think>yes<|eot|>', { scribe: { words: "zz" } });
    await write("ab");
    await answer();
    expect(seen()).not.toContain("zz");
  });
});
