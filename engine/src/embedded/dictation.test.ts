import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AudioBlock } from "../hearing/heard-audio.ts";
import {
  closed,
  type Dictation,
  type EarText,
  endsSegment,
  isDue,
  liveTranscript,
  NEW_DICTATION,
  paused,
  rewritten,
  withBlock,
} from "./dictation.ts";

/** Tokens are letters: one that is a capital begins a word, as " x". */
const tokens = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const beginsWord = (token: number) => /[A-Z]/u.test(String.fromCharCode(token));
const textOf = (of: readonly number[]) => String.fromCharCode(...of).replaceAll(/[A-Z]/gu, (capital) => ` ${capital.toLowerCase()}`);

const block: AudioBlock = { keys: new Float32Array(1), values: new Float32Array(1), frames: 12 };
const LIMITS = { blockSeconds: 0.5, maxFrames: 12 * 60 };
const ear = (text: string, isPause = false): EarText => ({ text, isPause });
const read = (...readings: string[]) =>
  readings.reduce((dictation, reading) => rewritten(dictation, tokens(reading), ear(reading), beginsWord), NEW_DICTATION);
const live = (dictation: Dictation) => liveTranscript(dictation, textOf);
const listened = (blocks: number, from = NEW_DICTATION) =>
  Array.from({ length: blocks }).reduce<Dictation>((dictation) => withBlock(dictation, block, LIMITS.maxFrames), from);

describe("words are settled", () => {
  test.each([
    ["not when they were read once", ["SetA"], "", "set a"],
    ["when two readings agree, except the last one", ["SetA", "SetATi"], "set a", " ti"],
    ["not where one of them is longer now", ["SetATi", "SetATimer"], "set a", " timer"],
    ["not those that changed", ["SatA", "SetAT"], "", "set a t"],
    ["all of them before one that was added", ["SetA", "SetAT"], "set a", " t"],
  ])("%s", (_what, readings, stable, tail) => {
    expect(live(read(...readings))).toEqual({ stable, tail });
  });

  test("after a pause, all of them", () => {
    expect(live(paused(read("SetA")))).toEqual({ stable: "set a", tail: "" });
  });

  test("and never taken back, whatever is read next", () => {
    const word = fc.constantFrom("A", "Ab", "Abc", "B", "Bc");
    const readings = fc.array(fc.tuple(fc.array(word, { maxLength: 6 }), fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(readings, (all) => {
        let dictation = NEW_DICTATION;
        let stable = "";
        for (const [words, isPause] of all) {
          // The scribe keeps what is settled.
          const kept = dictation.tokens.slice(0, dictation.settled);
          dictation = rewritten(dictation, [...kept, ...tokens(words.join(""))], ear("x"), beginsWord);
          if (isPause) dictation = paused(dictation);
          expect(live(dictation).stable.startsWith(stable)).toBe(true);
          stable = live(dictation).stable;
        }
      }),
    );
  });
});

describe("the scribe writes", () => {
  const behind = { ...NEW_DICTATION, earText: "set" };
  test("when the ear has read more", () => {
    expect(isDue(behind, ear("set a"), false)).toBe(true);
    expect(isDue(behind, ear("set"), false)).toBe(false);
  });

  test("once more a block later: the end of the last word may lie there", () => {
    const once = rewritten(behind, tokens("Set"), ear("set a"), beginsWord);
    expect(isDue(once, ear("set a"), false)).toBe(true);
    expect(isDue(rewritten(once, tokens("SetA"), ear("set a"), beginsWord), ear("set a"), false)).toBe(false);
  });

  test("while others wait, two seconds late at most", () => {
    expect(isDue(listened(3, behind), ear("set a"), true)).toBe(false);
    expect(isDue(listened(4, behind), ear("set a"), true)).toBe(true);
  });
});

describe("a segment ends", () => {
  test("at a pause after ten seconds", () => {
    expect(endsSegment(listened(19), ear("words", true), LIMITS)).toBe(false);
    expect(endsSegment(listened(20), ear("words"), LIMITS)).toBe(false);
    expect(endsSegment(listened(20), ear("words", true), LIMITS)).toBe(true);
  });

  test("when no block more fits, pause or not", () => {
    expect(endsSegment(listened(59), ear("words"), LIMITS)).toBe(false);
    expect(endsSegment(listened(60), ear("words"), LIMITS)).toBe(true);
  });

  test("never where nobody spoke: it forgets its beginning instead", () => {
    const silent = listened(70);
    expect(silent.audio.frames).toBe(LIMITS.maxFrames);
    expect(endsSegment(silent, ear(""), LIMITS)).toBe(false);
  });

  test("and its words stand before those of the next", () => {
    const next = closed(read("SetA"), ear("set a"), textOf);
    expect(live(next)).toEqual({ stable: "set a", tail: "" });
    expect(live(rewritten(next, tokens("Ti"), ear("set a ti"), beginsWord))).toEqual({ stable: "set a", tail: " ti" });
  });
});
