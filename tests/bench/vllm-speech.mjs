/** What is said to a vLLM server in benchmarks: synthetic speech, as the gateway hands it to the engine. */
import { pseudoSpeech } from "../../engine/dist/testing/pseudo-audio.js";

export const RATE_HZ = 16_000;
/** As the gateway's voice detection gives it. */
export const WINDOW = 512;
/** Silence after which the gateway asks for an answer. */
export const PAUSE = new Float32Array(4 * WINDOW);

/** Speech without a pause at its end. */
export function speechOf(seconds, seed) {
  const samples = pseudoSpeech(seconds * 1_000, seed);
  for (let n = samples.length - RATE_HZ / 2; n < samples.length; n += 1) samples[n] = 0.2 * Math.sin(n / 12) * Math.sin(n / 901 + seed);
  return samples;
}

/** Takes it in as fast as the engine does. */
export async function hear(conversation, samples) {
  for (let at = 0; at < samples.length; at += WINDOW)
    await conversation.append({ type: "audio", samples: samples.subarray(at, at + WINDOW) });
}
