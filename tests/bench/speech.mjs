/** Speech for benchmarks, from the fixtures that the tests use (tests/fixtures/make.py). */
import { fileURLToPath } from "node:url";
import { createDecoder } from "libopus-wasm";
import { resample } from "../../gateway/dist/audio/resample.js";
import { encode, readClip } from "../../gateway/dist/cli/clip/clip.js";

const RATE_HZ = 16_000;
const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}.opus`, import.meta.url));

async function decoded(name) {
  const decoder = await createDecoder({ sampleRate: RATE_HZ, channels: 1 });
  const frames = (await readClip(fixture(name))).map(({ packet }) => decoder.decodeFloat(packet).slice());
  decoder.free();
  return Float32Array.from(frames.flatMap((frame) => [...frame]));
}

const long = await decoded("long-20s");

/** Mono speech at 16 kHz, exactly so long; longer than the recording, it goes on from its beginning. */
export function speech(seconds) {
  const samples = new Float32Array(seconds * RATE_HZ);
  for (let at = 0; at < samples.length; at += long.length) samples.set(long.subarray(0, samples.length - at), at);
  return samples;
}

/** A short command as 20 ms Opus packets. */
export async function opusSpeech() {
  return (await readClip(fixture("timer"))).map(({ packet }) => packet);
}

/** 16 kHz samples as 20 ms Opus packets. */
export async function opusOf(samples) {
  return (await encode(resample(samples, RATE_HZ, 48_000))).map(({ packet }) => packet);
}

/** A packet of silence. */
export async function silence() {
  const [quiet] = await encode(new Float32Array(960));
  return quiet.packet;
}
