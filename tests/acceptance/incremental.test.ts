/**
 * Incremental equals one-shot, bitwise: every sentence of the acceptance set, heard whole and heard in random pieces, is answered with the same
 * token ids. It holds because both go through the same loop over whole blocks; int8 graphs round by the extent of a call, so any other
 * way to cut would show here.
 */
import { createDecoder } from "libopus-wasm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EmbeddedConversation } from "../../engine/src/embedded/conversation.ts";
import { loadModel, type Model } from "../../engine/src/embedded/model.ts";
import { NANO_DIR } from "../../engine/src/embedded/model-directory.ts";
import { Scheduler } from "../../engine/src/embedded/scheduler.ts";
import { type GenerateRequest, SAMPLE_RATE_HZ } from "../../engine/src/engine.ts";
import { cutRandomly, seededRandom } from "../../engine/src/testing/pseudo-audio.ts";
import { recordingModel } from "../helpers/recording-model.ts";
import { readAcceptanceSet } from "./acceptance-set.ts";

const LEAST_CLIPS = 200;
const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 160, maxAnswerTokens: 120 };
const NEVER = new AbortController().signal;

let model: Model;
beforeAll(async () => {
  model = await loadModel(NANO_DIR, () => {});
});
afterAll(() => model.release());

async function tokensFor(pieces: readonly Float32Array[]): Promise<number[]> {
  const ids: number[] = [];
  const conversation = new EmbeddedConversation(recordingModel(model, ids), new Scheduler(), () => {});
  for (const samples of pieces) await conversation.append({ type: "audio", samples });
  for await (const event of conversation.generate(REQUEST, NEVER)) expect(event.type).toBeDefined();
  await conversation.close();
  return ids;
}

async function decode(packets: readonly Uint8Array[]): Promise<Float32Array> {
  using decoder = await createDecoder({ sampleRate: SAMPLE_RATE_HZ, channels: 1 });
  return Float32Array.from(packets.flatMap((packet) => [...decoder.decodeFloat(packet)]));
}

test("every sentence gives the same token ids whole and in pieces", { timeout: 1_200_000 }, async () => {
  const clips = await readAcceptanceSet();
  expect(clips.length).toBeGreaterThanOrEqual(LEAST_CLIPS);
  const random = seededRandom(1);
  for (const [index, { packets, text }] of clips.entries()) {
    const samples = await decode(packets);
    const whole = await tokensFor([samples]);
    const pieces = cutRandomly(samples, index, 200 + Math.floor(8_000 * random()));
    expect(await tokensFor(pieces), `"${text}" in ${pieces.length} pieces`).toEqual(whole);
    expect(whole.length).toBeGreaterThan(10);
  }
});
