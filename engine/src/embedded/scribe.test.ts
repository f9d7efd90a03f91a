import { Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { AudioBlock, HeardAudio } from "../hearing/heard-audio.ts";
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
  });
  return { made, runs };
}

const block: AudioBlock = { keys: new Float32Array(1), values: new Float32Array(1), frames: 1 };
const heard: HeardAudio = { blocks: new Array(20).fill(block), frames: 20 };

describe("write()", () => {
  test("writes until the end, token by token", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf(await made.write(heard, [], 0, step))).toBe(" set a");
    expect(runs).toEqual([2, 1, 1, 1, 1, 1, 1]);
  });

  test("checks a draft in one run", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf(await made.write(heard, tokensOf(" set a"), 0, step))).toBe(" set a");
    expect(runs).toEqual([8]);
  });

  test("writes anew from where the draft is no longer right", async () => {
    const { made, runs } = scribe({ now: " set a" });
    expect(made.textOf(await made.write(heard, tokensOf(" sat"), 0, step))).toBe(" set a");
    expect(runs).toEqual([6, 1, 1, 1, 1]);
  });

  test("takes away what was too much", async () => {
    const { made } = scribe({ now: " set" });
    expect(made.textOf(await made.write(heard, tokensOf(" set a timer"), 0, step))).toBe(" set");
  });

  test("keeps what is settled, though the sound says something else now", async () => {
    const { made } = scribe({ now: " set a" });
    expect(made.textOf(await made.write(heard, tokensOf(" sat b"), 4, step))).toBe(" sat a");
  });

  test("writes nothing but pieces of words", async () => {
    const { made } = scribe({ now: " set", prefersCapitals: true });
    expect(made.textOf(await made.write(heard, [], 0, step))).toBe(" set");
  });

  test("stops where it goes round in circles", async () => {
    const { made } = scribe({ now: " no".repeat(60) });
    expect((await made.write(heard, [], 0, step)).length).toBeLessThan(30);
  });
});

test("weigh() finds words more probable that are in the sound", async () => {
  const { made } = scribe({ now: " set a" });
  expect(await made.weigh(heard, "set a", step)).toBeGreaterThan(await made.weigh(heard, "sat a", step));
  expect(await made.weigh(heard, "set a", step)).toBeGreaterThan(await made.weigh(heard, "", step));
});

describe("a turn", () => {
  const context = { silence: async () => block, isBusy: false, step };
  const heardAs = (text: string, endsStretch = false) => ({ scribeAudio: block, transcript: { stable: "", tail: text }, endsStretch });

  test("is written down while it is spoken, and to its end when the user has finished", async () => {
    const says = { now: " set" };
    const { made } = scribe(says);
    const first = await made.listen(NEW_DICTATION, heardAs("s"), context);
    expect(made.live(first)).toEqual({ stable: "", tail: "set" });
    says.now = " set a";
    const second = await made.listen(first, heardAs("s a"), context);
    expect(made.live(second)).toEqual({ stable: "set", tail: " a" });
    says.now = " sat at";
    expect(await made.finish(second, context)).toMatchObject({ words: "sat at" });
    // What went before is as it was, and the silence was heard for the readings only.
    expect(first.audio.blocks).toHaveLength(1);
    expect(second.audio.blocks).toHaveLength(2);
  });

  test("costs nothing while nobody speaks", async () => {
    const { made, runs } = scribe({ now: " noise" });
    const never = { ...context, silence: () => Promise.reject(new Error("nobody asked")) };
    const silent = await made.listen(NEW_DICTATION, heardAs("", true), never);
    expect(await made.finish(silent, never)).toBeUndefined();
    expect(runs).toEqual([]);
  });

  test("of more than one stretch is one text, which is too long to be weighed", async () => {
    const says = { now: " set a" };
    const { made } = scribe(says);
    const first = await made.listen(NEW_DICTATION, heardAs("set a", true), context);
    says.now = " on";
    const second = await made.listen(first, heardAs("set a on"), context);
    expect(await made.finish(second, context)).toEqual({ words: "set a on", audio: undefined });
  });

  test("is left alone by an ear that gives nothing to attend to", async () => {
    const { made } = scribe({ now: " set" });
    const none = { scribeAudio: undefined, transcript: undefined, endsStretch: false };
    expect(await made.listen(NEW_DICTATION, none, context)).toBe(NEW_DICTATION);
  });
});
