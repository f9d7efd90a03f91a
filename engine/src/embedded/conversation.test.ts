import { Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { GenerateEvent, GenerateRequest } from "../engine.ts";
import { EmbeddedConversation } from "./conversation.ts";
import type { KvCache } from "./kv-cache.ts";
import type { Model } from "./model.ts";
import { readModelConfig } from "./model-config.ts";
import { NANO_DIR } from "./model-directory.ts";
import { Scheduler } from "./scheduler.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 50, maxAnswerTokens: 50 };
const DIRECT: GenerateRequest = { ...REQUEST, mode: "direct" };
const NEVER = new AbortController().signal;

const nano = readModelConfig(NANO_DIR);
const controls = new Map([...nano.specialTokens].map(([spelling, id]) => [id, spelling]));
/** Words are letters here: a token for each character, far from the control tokens. */
const FIRST_LETTER = 1_000;
const BLOCK_SAMPLES = 4;

/** `"<think>ab"` as tokens: control tokens by their spelling, letters one by one. */
function tokensOf(spelled: string): number[] {
  return [...spelled.matchAll(/<[^>]+>|[\s\S]/gu)].map(([part]) => nano.specialTokens.get(part) ?? FIRST_LETTER + part.charCodeAt(0));
}

function spell(tokens: Iterable<number>): string {
  return [...tokens].map((token) => controls.get(token) ?? String.fromCharCode(token - FIRST_LETTER)).join("");
}

/** A block of audio is heard as one letter. */
const heardAs = (letters: string) =>
  Float32Array.from([...letters].flatMap((letter) => new Array<number>(BLOCK_SAMPLES).fill(letter.charCodeAt(0))));

/**
 * A model that hears letters and generates what it is told. Its cache holds the tokens themselves, so that the tests read what a real model
 * would have been given.
 */
function fakeModel(script: string, contextTokens = 400) {
  const rest = tokensOf(script);
  let cache: KvCache | undefined;
  const extend = (embeddings: Float32Array, before: KvCache): KvCache => {
    const ids = Float32Array.from([...tokensIn(before), ...embeddings]);
    cache = {
      layers: [new Tensor("float32", ids, [1, 1, ids.length, 1])],
      length: ids.length,
      position: before.position + embeddings.length,
    };
    return cache;
  };
  const model: Model = {
    config: { ...nano, contextTokens },
    tokenizer: {
      encode: (text) => [...text].map((letter) => FIRST_LETTER + letter.charCodeAt(0)),
      spelling: (id) => String.fromCharCode(id - FIRST_LETTER).replace(" ", "Ġ"),
      control: (id) => controls.get(id),
      controlId: (spelling) => nano.specialTokens.get(spelling) ?? 0,
    },
    ear: {
      blockSamples: BLOCK_SAMPLES,
      initial: () => ({ mel: new Float32Array(0), encoder: {}, ctc: undefined }),
      hear: async (block, state) => ({
        state,
        embeddings: Float32Array.of(FIRST_LETTER + (block[0] ?? 0)),
        count: 1,
        transcript: { stable: "heard", tail: "" },
        endOfTurn: undefined,
      }),
    },
    decoder: {
      empty: () => ({ layers: [new Tensor("float32", new Float32Array(0), [1, 1, 0, 1])], length: 0, position: 0 }),
      embed: (tokens) => Float32Array.from(tokens),
      prefill: async (embeddings, before) => extend(embeddings, before),
      step: async (embeddings, before) => {
        const logits = new Float32Array(2_000);
        logits[rest.shift() ?? nano.specialTokens.get("<|eot|>") ?? 0] = 1;
        return { cache: extend(embeddings, before), logits };
      },
    },
    release: async () => {},
  };
  return { model, seen: () => spell(tokensIn(cache)), position: () => cache?.position };
}

function tokensIn(cache: KvCache | undefined): number[] {
  const data = cache?.layers[0]?.data;
  return data instanceof Float32Array ? [...data] : [];
}

function converse(script: string, contextTokens?: number) {
  const fake = fakeModel(script, contextTokens);
  const conversation = new EmbeddedConversation(fake.model, new Scheduler(), () => {});
  return {
    ...fake,
    conversation,
    hear: (letters: string) => conversation.append({ type: "audio", samples: heardAs(letters) }),
    write: (text: string) => conversation.append({ type: "text", role: "user", text }),
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
  test("is written as the model was trained on it: audio, thinking, answer", async () => {
    const { hear, answer, seen } = converse("hm<acoustic>loud</think>yes<|eot|>");
    await hear("abc");
    expect(summary(await answer())).toBe("semantic:hm [] acoustic:loud answer:yes stop");
    expect(seen()).toBe("<|user|>abc<|eot|><|assistant|><think>hm<acoustic>loud</think>yes");
    await hear("d");
    expect(seen()).toBe("<|user|>abc<|eot|><|assistant|><think>hm<acoustic>loud</think>yes<|eot|><|user|>d");
  });

  test("pads only what is left at the end", async () => {
    const { conversation, answer, seen } = converse("ok");
    const samples = heardAs("ab").subarray(0, 6);
    expect((await conversation.append({ type: "audio", samples })).tokens).toBe(2);
    await answer();
    expect(seen()).toContain("<|user|>ab<|eot|>");
  });

  test("in direct mode is answered with empty thinking, and transcribed by the ear", async () => {
    const { hear, answer, seen } = converse("yes<|eot|>");
    await hear("a");
    expect(summary(await answer(DIRECT))).toBe("[heard] answer:yes stop");
    expect(seen()).toBe("<|user|>a<|eot|><|assistant|><think></think>yes");
  });

  test("may hold audio and text, each in its place", async () => {
    const { conversation, hear, write, answer, seen } = converse("ok");
    await conversation.append({ type: "audio", samples: heardAs("a").subarray(0, 2) });
    await write("xy");
    await hear("b");
    await answer();
    expect(seen()).toContain("<|user|>axyb<|eot|>");
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
  expect((await hear("a")).tokens).toBe(2);
  expect(seen()).toBe("<|user|>earlier<|eot|><|user|>a");
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
    expect(seen()).toBe("<|user|>x<|eot|><|assistant|><think></think>abcdef");
  });

  test("an answer that is not continued keeps only what was said", async () => {
    const { hear, answer, seen } = converse("abcd");
    await hear("x");
    await answer({ ...DIRECT, maxAnswerTokens: 2 });
    await hear("y");
    expect(seen()).toBe("<|user|>x<|eot|><|assistant|><think></think>ab<|eot|><|user|>y");
  });

  test("a character that the budget cuts is not lost", async () => {
    // "é" is two tokens, the bytes C3 and A9.
    const { hear, answer } = converse("aÃ©b");
    await hear("x");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 2 }))).toBe("[heard] answer:a length");
    expect(summary(await answer({ ...DIRECT, maxAnswerTokens: 5 }))).toBe("answer:éb stop");
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
    expect(seen()).toMatch(/<think>hm?<\/think><\|eot\|><\|user\|>b$/);
  });

  test("and a rollback leave no trace", async () => {
    const { conversation, hear, seen, answer } = converse("hmmm<|eot|>");
    await hear("a");
    const pause = conversation.checkpoint();
    await answer(REQUEST, AbortSignal.abort());
    conversation.rollback(pause);
    await hear("b");
    expect(seen()).toBe("<|user|>ab");
  });
});

describe("the context", () => {
  test("forgets whole turns, the oldest first, and positions keep rising", async () => {
    const { write, answer, seen, position } = converse("a<|eot|>b<|eot|>c<|eot|>", 40);
    for (const text of ["first", "second", "third"]) {
      await write(text);
      await answer(DIRECT);
    }
    expect(seen()).toBe("<|user|>second<|eot|><|assistant|><think></think>b<|eot|><|user|>third<|eot|><|assistant|><think></think>c");
    expect(position()).toBe(36);
  });

  test("refuses a turn that leaves no room for its answer, and is then as before", async () => {
    const { write, answer, seen } = converse("ok<|eot|>", 40);
    await write("a".repeat(20));
    await expect(write("b".repeat(20))).rejects.toMatchObject({ code: "context_length_exceeded" });
    expect(summary(await answer(DIRECT))).toBe("answer:ok stop");
    expect(seen()).not.toContain("b");
  });

  test("that is full in the middle of an answer ends it with length; the next turn goes on", async () => {
    const { write, answer, seen } = converse("abcdefghijklmnopqrstuvwxyz", 40);
    await write("q".repeat(25));
    expect(summary(await answer(DIRECT))).toMatch(/^answer:abc.* length$/);
    expect(summary(await answer(DIRECT))).toBe("length");
    await write("next");
    await answer(DIRECT);
    expect(seen()).toMatch(/^<\|user\|>next/);
  });
});
