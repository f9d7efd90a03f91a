/**
 * nano in this engine against nano in Python's onnxruntime, on the same graphs: features, what the decoder
 * attends to, transcript, end-of-turn score, token ids.
 * The references are made by the training code (`python -m aloud_nano.golden`, see engine/training); nano/README.md says what is in them.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EmbeddedConversation } from "../../engine/src/embedded/conversation.ts";
import { NEW_DICTATION } from "../../engine/src/embedded/dictation.ts";
import { loadModel, type Model } from "../../engine/src/embedded/model.ts";
import { NANO_DIR } from "../../engine/src/embedded/model-directory.ts";
import { Scheduler } from "../../engine/src/embedded/scheduler.ts";
import type { AudioChunk, Channel, GenerateRequest, TextItem } from "../../engine/src/engine.ts";
import { LogMel } from "../../engine/src/features/log-mel.ts";
import { recordingModel } from "../helpers/recording-model.ts";

interface Stored {
  readonly file: string;
  readonly shape: readonly number[];
}

interface Generated {
  readonly token_ids: readonly number[];
  readonly semantic: string;
  readonly acoustic: string;
  readonly answer: string;
}

interface Clip {
  readonly wav: string;
  readonly mel: Stored;
  /** Of the first blocks: [blocks, layers, heads, frames, width]. */
  readonly cross: { readonly keys: Stored; readonly values: Stored };
  /** Of every block. */
  readonly end_of_turn: readonly number[];
  /** What the scribe makes of it. */
  readonly written: string;
  readonly think: Generated & { readonly ctc: string };
  readonly direct: Generated;
}

interface Golden {
  readonly manifest: Readonly<Record<string, { readonly sha256: string }>>;
  readonly synthetic: Stored;
  readonly clips: Readonly<Record<string, Clip>>;
  readonly typed: readonly { readonly text: string; readonly think: Generated }[];
  /** Turns of one conversation, by clip or by text. */
  readonly conversation: readonly { readonly clip?: string; readonly text?: string; readonly token_ids: readonly number[] }[];
}

const here = new URL("nano/", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(new URL("golden.json", here), "utf8"));
const clips = Object.entries(golden.clips);
/** Python computes features in float32, this engine in float64. */
const MEL_TOLERANCE = 1e-3;
/** int8 kernels differ between processors, so keys and values are held to their direction. */
const MIN_COSINE = 0.99;
const SCORE_TOLERANCE = 0.05;
const WAV_HEADER_BYTES = 44;
const MAX_TOKENS = 280;

function readFloats({ file, shape }: Stored): Float32Array {
  const bytes = readFileSync(new URL(file, here));
  const floats = Float32Array.from({ length: bytes.length / 4 }, (_, n) => bytes.readFloatLE(4 * n));
  expect(floats.length).toBe(shape.reduce((product, size) => product * size, 1));
  return floats;
}

function readWav(name: string): Float32Array {
  const bytes = readFileSync(new URL(name, here)).subarray(WAV_HEADER_BYTES);
  return Float32Array.from({ length: bytes.length / 2 }, (_, n) => bytes.readInt16LE(2 * n) / 32_768);
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, n) => sum + value * (y[n] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

describe("nano against its references", () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(NANO_DIR, () => {});
  });
  afterAll(() => model.release());

  test("the references were made with the files that are shipped; if not, make them anew", () => {
    const { files } = JSON.parse(readFileSync(`${NANO_DIR}/manifest.json`, "utf8"));
    for (const [path, { sha256 }] of Object.entries(golden.manifest)) expect(files[path]?.sha256, path).toBe(sha256);
  });

  function expectFeatures(samples: Float32Array, stored: Stored): void {
    const logMel = new LogMel(model.config.logMel);
    const { features, frames } = logMel.push(samples, logMel.initial());
    const expected = readFloats(stored);
    const [mels = 0, compared = 0] = stored.shape;
    let largest = 0;
    for (let band = 0; band < mels; band++) {
      for (let frame = 0; frame < compared; frame++) {
        const difference = (features[band * frames + frame] ?? Number.NaN) - (expected[band * compared + frame] ?? Number.NaN);
        largest = Math.max(largest, Math.abs(difference));
      }
    }
    expect(largest).toBeLessThan(MEL_TOLERANCE);
  }

  test("features of a signal that anybody can compute", () => {
    const signal = (n: number) => ((Math.floor((n * n) / 64) % 4_001) - 2_000) / 8_000;
    expectFeatures(
      Float32Array.from({ length: 15_360 }, (_, n) => signal(n)),
      golden.synthetic,
    );
  });

  function padded(wav: string): Float32Array {
    const samples = readWav(wav);
    const { blockSamples } = model.ear;
    const whole = new Float32Array(Math.ceil(samples.length / blockSamples) * blockSamples);
    whole.set(samples);
    return whole;
  }

  test.each(clips)("%s: features", (_name, { wav, mel }) => expectFeatures(padded(wav), mel));

  test.each(clips)("%s: keys, values, live transcript and end of turn", async (_name, { wav, cross, end_of_turn, think }) => {
    const samples = padded(wav);
    const keys: number[] = [];
    const values: number[] = [];
    const scores: number[] = [];
    let state = model.ear.initial();
    let transcript = "";
    for (let from = 0; from < samples.length; from += model.ear.blockSamples) {
      const heard = await model.ear.hear(samples.slice(from, from + model.ear.blockSamples), state);
      state = heard.state;
      keys.push(...heard.audio.keys);
      values.push(...heard.audio.values);
      scores.push(heard.endOfTurn ?? Number.NaN);
      transcript = heard.transcript ? heard.transcript.stable + heard.transcript.tail : "";
    }
    for (const [own, stored] of [
      [keys, readFloats(cross.keys)],
      [values, readFloats(cross.values)],
    ] as const) {
      expect(cosine(Float32Array.from(own.slice(0, stored.length)), Float32Array.from(stored))).toBeGreaterThan(MIN_COSINE);
    }
    expect(scores).toHaveLength(end_of_turn.length);
    for (const [n, score] of scores.entries()) expect(Math.abs(score - (end_of_turn[n] ?? Number.NaN))).toBeLessThan(SCORE_TOLERANCE);
    expect(transcript.trim()).toBe(think.ctc.trim());
  });

  test.each(clips)("%s: what the scribe writes down", async (_name, { wav, written }) => {
    const { ear, scribe } = model;
    if (scribe === undefined) throw new Error("nano has a scribe");
    const samples = padded(wav);
    const step = <T>(work: () => Promise<T>) => work();
    let state = ear.initial();
    let dictation = NEW_DICTATION;
    const silence = () => ear.silenceAfter(state);
    for (let from = 0; from < samples.length; from += ear.blockSamples) {
      const heard = await ear.hear(samples.slice(from, from + ear.blockSamples), state);
      state = heard.state;
      dictation = await scribe.listen(dictation, heard, { silence, isBusy: false, step });
    }
    const made = await scribe.finish(dictation, { silence, step });
    expect(made?.words ?? "").toBe(written);
  });

  interface Answer {
    readonly ids: readonly number[];
    readonly texts: Readonly<Record<Channel, string>>;
  }

  /** The answers to turns of one conversation. */
  async function converse(turns: readonly (AudioChunk | TextItem)[], mode: GenerateRequest["mode"]): Promise<Answer[]> {
    const ids: number[] = [];
    const conversation = new EmbeddedConversation(recordingModel(model, ids), new Scheduler(), () => {});
    const answers: Answer[] = [];
    for (const turn of turns) {
      const texts: Record<Channel, string> = { semantic: "", acoustic: "", answer: "" };
      await conversation.append(turn);
      const request = { mode, maxThinkTokens: MAX_TOKENS, maxAnswerTokens: MAX_TOKENS };
      for await (const event of conversation.generate(request, new AbortController().signal)) {
        if (event.type === "delta") texts[event.channel] += event.text;
      }
      answers.push({ ids: ids.splice(0), texts });
    }
    await conversation.close();
    return answers;
  }

  /** The end token closes a reference; the engine ends on it without saying it. */
  const withoutEnd = (ids: readonly number[]) => ids.filter((id) => !model.config.endTokens.has(id));
  const typed = (text: string): TextItem => ({ type: "text", role: "user", text });
  const spoken = (wav: string): AudioChunk => ({ type: "audio", samples: readWav(wav) });

  const cases = clips.flatMap(([name, clip]) => (["think", "direct"] as const).map((mode) => ({ name, mode, clip })));
  test.each(cases)("$name, $mode: token ids and what they say", async ({ mode, clip }) => {
    const expected = clip[mode];
    const [answer] = await converse([spoken(clip.wav)], mode);
    expect(answer?.ids).toEqual(withoutEnd(expected.token_ids));
    expect(answer?.texts).toMatchObject({
      semantic: expected.semantic.trim(),
      acoustic: expected.acoustic.trim(),
      answer: expected.answer.trim(),
    });
  });

  test.each(golden.typed)("typed: $text", async ({ text, think }) => {
    const [answer] = await converse([typed(text)], "think");
    expect(answer?.ids).toEqual(withoutEnd(think.token_ids));
  });

  test("three turns in one conversation, spoken and typed", async () => {
    const turns = golden.conversation.map(({ clip = "", text }) =>
      text === undefined ? spoken(golden.clips[clip]?.wav ?? "") : typed(text),
    );
    const answers = await converse(turns, "think");
    expect(answers.map(({ ids }) => ids)).toEqual(golden.conversation.map(({ token_ids }) => withoutEnd(token_ids)));
  });
});
