import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AudioBlock } from "../hearing/heard-audio.ts";
import { closed, type Dictation, hasWords, isDue, liveTranscript, NEW_DICTATION, paused, rewritten, withBlock } from "./dictation.ts";

/** Tokens are letters: one that is a capital begins a word, as " x". */
const tokens = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const beginsWord = (token: number) => /[A-Z]/u.test(String.fromCharCode(token));
const textOf = (of: readonly number[]) => String.fromCharCode(...of).replaceAll(/[A-Z]/gu, (capital) => ` ${capital.toLowerCase()}`);

const block: AudioBlock = { keys: new Float32Array(1), values: new Float32Array(1), frames: 12 };
/** A block more, with which the ear reads this in all. */
const heard = (dictation: Dictation, text: string, isPause = false) =>
  withBlock(dictation, block, isPause ? { stable: text, tail: "" } : { stable: "", tail: text });
const read = (...readings: string[]) =>
  readings.reduce((dictation, reading) => rewritten(heard(dictation, reading), tokens(reading), beginsWord), NEW_DICTATION);
const live = (dictation: Dictation) => liveTranscript(dictation, textOf);

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
          dictation = rewritten(dictation, [...kept, ...tokens(words.join(""))], beginsWord);
          if (isPause) dictation = paused(dictation);
          expect(live(dictation).stable.startsWith(stable)).toBe(true);
          stable = live(dictation).stable;
        }
      }),
    );
  });
});

describe("the scribe writes", () => {
  const written = rewritten(rewritten(heard(NEW_DICTATION, "set"), tokens("Set"), beginsWord), tokens("Set"), beginsWord);

  test("when the ear has read more", () => {
    expect(isDue(heard(written, "set a"), false)).toBe(true);
    expect(isDue(heard(written, "set"), false)).toBe(false);
  });

  test("once more a block later: the end of the last word may lie there", () => {
    const once = rewritten(heard(written, "set a"), tokens("Set"), beginsWord);
    expect(isDue(heard(once, "set a"), false)).toBe(true);
    expect(isDue(heard(rewritten(heard(once, "set a"), tokens("SetA"), beginsWord), "set a"), false)).toBe(false);
  });

  test("while others wait, two seconds late at most", () => {
    const three = ["set a", "set a", "set a"].reduce((dictation, text) => heard(dictation, text), written);
    expect(isDue(three, true)).toBe(false);
    expect(isDue(heard(three, "set a"), true)).toBe(true);
  });
});

describe("a stretch that is over", () => {
  test("leaves its words before those of the next", () => {
    const next = closed(read("SetA"), textOf);
    expect(live(next)).toEqual({ stable: "set a", tail: "" });
    expect(live(rewritten(heard(next, "SetA Ti"), tokens("Ti"), beginsWord))).toEqual({ stable: "set a", tail: " ti" });
  });

  test("leaves none of its sound, and what the ear read in it is no word of the next", () => {
    const next = closed(read("SetA"), textOf);
    expect(next.audio.frames).toBe(0);
    expect(hasWords(heard(next, "SetA"))).toBe(false);
    expect(hasWords(heard(next, "SetA Ti"))).toBe(true);
  });
});
