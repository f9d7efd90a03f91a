import { expect, test } from "vitest";
import { SAMPLE_RATE_HZ } from "../engine.ts";
import { cutRandomly, pseudoSpeech } from "../testing/pseudo-audio.ts";
import { addAudio, NO_AUDIO, settledParts, type TurnAudio, wholeParts } from "./audio-parts.ts";

const PART = 2 * SAMPLE_RATE_HZ;
const silence = (ms: number) => new Float32Array((ms * SAMPLE_RATE_HZ) / 1_000);
/** Loud throughout: no pause in it. */
const tone = (ms: number) => silence(ms).map((_, n) => 0.3 * Math.sin((2 * Math.PI * 200 * n) / SAMPLE_RATE_HZ));
const hear = (...pieces: Float32Array[]) => pieces.reduce<TurnAudio>((audio, piece) => addAudio(audio, piece, PART), NO_AUDIO);
const lengths = (parts: readonly { samples: number }[]) => parts.map(({ samples }) => (samples * 1_000) / SAMPLE_RATE_HZ);

test("a part ends at the quietest place of its last 400 ms", () => {
  expect(lengths(hear(tone(1_700), silence(60), tone(740)).parts)).toEqual([1_760]);
});

test("without speech in it nothing but full parts is settled", () => {
  expect(lengths(settledParts(hear(tone(2_600))))).toEqual([2_000]);
  expect(lengths(wholeParts(hear(tone(2_600))))).toEqual([2_000, 600]);
});

test("in a pause all that was said is settled, and silence that goes on changes nothing of it", () => {
  const paused = hear(tone(2_500), silence(96));
  expect(lengths(settledParts(paused))).toEqual([2_000, 580]);
  const later = addAudio(addAudio(paused, silence(33), PART), silence(400), PART);
  expect(settledParts(later).at(-1)).toBe(settledParts(paused).at(-1));
  expect(wholeParts(later)).toEqual(settledParts(paused));
});

test("speech that goes on undoes it, and loses no silence", () => {
  const resumed = hear(tone(500), silence(300), tone(700));
  expect(lengths(settledParts(resumed))).toEqual([]);
  expect(lengths(wholeParts(resumed))).toEqual([1_500]);
});

test("a pause shorter than 80 ms is none", () => {
  expect(settledParts(hear(tone(500), silence(60)))).toEqual([]);
});

test("a pause in which a part became full is no part of its own", () => {
  const audio = hear(tone(1_900), silence(400));
  expect(lengths(settledParts(audio))).toEqual([2_000]);
  expect(lengths(wholeParts(audio))).toEqual([2_000]);
});

test("in loud surroundings there is no pause, and nothing is left out", () => {
  const hum = silence(1_000).map((_, n) => 0.05 * Math.sin(n));
  expect(hear(tone(500), hum).pause).toBeUndefined();
  expect(lengths(wholeParts(hear(tone(500), hum)))).toEqual([1_500]);
});

test("what is too short for a server is padded", () => {
  expect(lengths(wholeParts(hear(tone(20))))).toEqual([200]);
});

test.each([1, 2, 3])("where parts end does not depend on how the audio came in (%i)", (seed) => {
  const speech = pseudoSpeech(9_000, seed);
  const pieces = cutRandomly(speech, seed, 3_000);
  expect(wholeParts(hear(...pieces))).toEqual(wholeParts(hear(speech)));
});
