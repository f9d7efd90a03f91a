import { Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { type AudioBlock, type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";
import { NEW_DICTATION } from "./dictation.ts";
import type { KvCache } from "./kv-cache.ts";
import { Scribe } from "./scribe.ts";

const END = 0;
const PROMPT = [1, 2];
const LETTERS = "Ġabcdefghijklmnopqrstuvwxyz";
const FIRST_LETTER = 3;
const CAPITAL = FIRST_LETTER + LETTERS.length;
const tokensOf = (text: string) => [...text.replaceAll(" ", "Ġ")].map((letter) => FIRST_LETTER + LETTERS.indexOf(letter));
const spelling = (token: number) => (token === CAPITAL ? "A" : (LETTERS[token - FIRST_LETTER] ?? ""));
const step = <T>(work: () => Promise<T>) => work();

/** What is heard at any moment is given in `says`; the decoder spells that on from whatever stands before. */
function scribe(says: { now: string; prefersCapitals?: boolean }) {
  const runs: number[] = [];
  const cacheOf = (ids: readonly number[]): KvCache => ({
    layers: [new Tensor("float32", Float32Array.from(ids), [1, 1, ids.length, 1])],
    length: ids.length,
    position: ids.length,
  });
  const row = (written: number) => {
    const logits = new Float32Array(CAPITAL + 1).fill(-9);
    logits[tokensOf(says.now)[written] ?? END] = 1;
    if (says.prefersCapitals) logits[CAPITAL] = 5;
    return logits;
  };
  const score = async (tokens: readonly number[], cache: KvCache) => {
    runs.push(tokens.length);
    const first = cache.length + 1 - PROMPT.length;
    const next = cacheOf(Array.from({ length: cache.length + tokens.length }, () => 0));
    return { cache: next, logits: tokens.map((_, at) => row(first + at)) };
  };
  const decoder = {
    empty: () => cacheOf([]),
    score,
    step: async (tokens: readonly number[], cache: KvCache) => {
      const { cache: next, logits } = await score(tokens, cache);
      return { cache: next, logits: logits.at(-1) ?? new Float32Array(0) };
    },
  };
  const made = new Scribe({
    decoder,
    tokenizer: {
      encode: tokensOf,
      spelling,
      control: (token) => (token < FIRST_LETTER ? `<${token}>` : undefined),
      controlId: (name) => Number(name),
    },
    config: {
      prompt: ["1", "2"],
      end: "0",
      positions: 448,
      vocabSize: CAPITAL + 1,
      sure: 1,
      weight: 1,
      leastConfidence: { both: 0, scribe: 0 },
    },
    limits: { blockSeconds: 0.5, maxFrames: 60 },
  });
  return { made, runs };
}

const block: AudioBlock = { keys: new Float32Array(1), values: new Float32Array(1), frames: 1 };
const heard: HeardAudio = { blocks: new Array(20).fill(block), frames: 20 };

describe("write()", () => {
  test("writes until the end, token by token", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf((await made.write({ audio: heard, draft: [], settled: 0, step })).tokens)).toBe(" set a");
    expect(runs).toEqual([2, 1, 1, 1, 1, 1, 1]);
  });

  test("checks a draft in one run", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf((await made.write({ audio: heard, draft: tokensOf(" set a"), settled: 0, step })).tokens)).toBe(" set a");
    expect(runs).toEqual([8]);
  });

  test("writes anew from where the draft is no longer right", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf((await made.write({ audio: heard, draft: tokensOf(" sat"), settled: 0, step })).tokens)).toBe(" set a");
    expect(runs).toEqual([6, 1, 1, 1, 1]);
  });

  test("takes away what was too much", async () => {
    const { made } = scribe({ now: " set" });
    expect(made.textOf((await made.write({ audio: heard, draft: tokensOf(" set a timer"), settled: 0, step })).tokens)).toBe(" set");
  });

  test("keeps what is settled, though the sound says something else now", async () => {
    const { made } = scribe({ now: " set a" });
    expect(made.textOf((await made.write({ audio: heard, draft: tokensOf(" sat b"), settled: 4, step })).tokens)).toBe(" sat a");
  });

  test("writes nothing but pieces of words", async () => {
    const { made } = scribe({ now: " set", prefersCapitals: true });
    expect(made.textOf((await made.write({ audio: heard, draft: [], settled: 0, step })).tokens)).toBe(" set");
  });

  test("stops where it goes round in circles", async () => {
    const { made } = scribe({ now: " no".repeat(60) });
    expect((await made.write({ audio: heard, draft: [], settled: 0, step })).tokens.length).toBeLessThan(30);
  });
});

test("weigh() finds words more probable that are in the sound", async () => {
  const { made } = scribe({ now: " set a" });
  expect(await made.weigh(heard, "set a", step)).toBeGreaterThan(await made.weigh(heard, "sat a", step));
  expect(await made.weigh(heard, "set a", step)).toBeGreaterThan(await made.weigh(heard, "", step));
});

describe("a turn", () => {
  const silence = async () => block;
  const ear = (text: string) => ({ text, isPause: false });
  const turn = { block, silence, isBusy: false, step };

  test("is written down while it is spoken, and to its end when the user has finished", async () => {
    const says = { now: " set" };
    const { made } = scribe(says);
    const first = await made.listen({ ...turn, dictation: NEW_DICTATION, ear: ear("s") });
    expect(made.textOf(first.tokens)).toBe(" set");
    says.now = " set a";
    const second = await made.listen({ ...turn, dictation: first, ear: ear("s a") });
    expect(made.textOf(second.tokens)).toBe(" set a");
    says.now = " sat at";
    expect(await made.finish({ ...turn, dictation: second, ear: ear("s a") })).toMatchObject({ words: "sat at" });
    // What went before is as it was, and the silence was heard for the readings only.
    expect(first.audio.blocks).toHaveLength(1);
    expect(second.audio.blocks).toHaveLength(2);
  });

  test("is read again only from its last settled word on", async () => {
    const says = { now: " set a timer" };
    const { made, runs } = scribe(says);
    const first = await made.listen({ ...turn, dictation: { ...NEW_DICTATION, audio: heard }, ear: ear("s") });
    says.now = " set a timer for";
    const second = await made.listen({ ...turn, dictation: first, ear: ear("s a") });
    expect(second.settled).toBe(" set a timer".length);
    runs.length = 0;
    says.now = " set a timer for ten";
    const third = await made.listen({ ...turn, dictation: second, ear: ear("s a t") });
    expect(made.textOf(third.tokens)).toBe(" set a timer for ten");
    // The last settled token and the four behind it; then what is new, token by token.
    expect(runs).toEqual([5, 1, 1, 1, 1]);
  });

  test("costs nothing while nobody speaks", async () => {
    const { made, runs } = scribe({ now: " noise" });
    const never = () => Promise.reject(new Error("nobody asked"));
    const silent = await made.listen({ ...turn, silence: never, dictation: NEW_DICTATION, ear: ear("") });
    expect(await made.finish({ ...turn, silence: never, dictation: silent, ear: ear("") })).toBeUndefined();
    expect(runs).toEqual([]);
    expect(silent.audio).not.toBe(NO_AUDIO);
  });

  test("of more than one segment is one text, which is too long to be weighed", async () => {
    const { made } = scribe({ now: " on" });
    const dictation = { ...NEW_DICTATION, before: " set a", earText: "set a", earTextBefore: "set a" };
    const next = await made.listen({ ...turn, dictation, ear: ear("set a on") });
    expect(await made.finish({ ...turn, dictation: next, ear: ear("set a on") })).toEqual({ words: "set a on", audio: undefined });
  });
});
