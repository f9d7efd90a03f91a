/**
 * What nano answers as noise drowns a speaker: exactly right, "I did not understand", declined, or wrong. Every sixth sentence of the
 * acceptance set in white noise. The peer is the same sentence at 10 dB.
 */
import { readFileSync } from "node:fs";
import { createDecoder } from "libopus-wasm";
import { EmbeddedConversation } from "../../engine/dist/embedded/conversation.js";
import { loadModel } from "../../engine/dist/embedded/model.js";
import { NANO_DIR } from "../../engine/dist/embedded/model-directory.js";
import { Scheduler } from "../../engine/dist/embedded/scheduler.js";
import { parseOggOpus } from "../../gateway/dist/cli/clip/ogg-opus.js";
import { ratio } from "./table.mjs";

const LEVELS_DB = [10, 0, -4, -6, -8, -10, -12, -14];
const EVERY = 6;
const REQUEST = { mode: "think", maxThinkTokens: 160, maxAnswerTokens: 120 };

export async function run() {
  const fixtures = new URL("../fixtures/", import.meta.url);
  const packed = readFileSync(new URL("acceptance.bin", fixtures));
  const items = JSON.parse(readFileSync(new URL("acceptance.json", fixtures), "utf8")).filter((_, index) => index % EVERY === 0);
  const model = await loadModel(NANO_DIR, () => {});
  const random = seeded(1);
  const raw = [];
  for (const db of LEVELS_DB) {
    const counts = { exact: 0, "not understood": 0, declined: 0, wrong: 0 };
    for (const { offset, bytes, answer } of items) {
      const clean = await decode(parseOggOpus(packed.subarray(offset, offset + bytes)).packets);
      counts[kindOf(await answerTo(model, inNoise(clean, db, random)), answer)] += 1;
    }
    raw.push({ db, ...counts });
  }
  await model.release();
  const rows = raw.map(({ db, ...counts }) => ({
    "speech to noise": `${db} dB`,
    ...Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, String(count)])),
    "exact, to 10 dB": ratio(counts.exact, raw[0].exact),
  }));
  return { title: `answers in white noise, of ${items.length} sentences in voices never heard`, rows, raw };
}

function kindOf(answer, gold) {
  if (answer === gold) return "exact";
  if (/did not understand|did not hear|only noise/.test(answer)) return "not understood";
  return /can't help|^I hear/.test(answer) ? "declined" : "wrong";
}

async function answerTo(model, samples) {
  const conversation = new EmbeddedConversation(model, new Scheduler(), () => {});
  await conversation.append({ type: "audio", samples });
  let answer = "";
  for await (const event of conversation.generate(REQUEST, new AbortController().signal)) {
    if (event.type === "delta" && event.channel === "answer") answer += event.text;
  }
  await conversation.close();
  return answer;
}

async function decode(packets) {
  const decoder = await createDecoder({ sampleRate: 16_000, channels: 1 });
  const samples = Float32Array.from(packets.flatMap((packet) => [...decoder.decodeFloat(packet)]));
  decoder.free();
  return samples;
}

/** Uniform white noise, so that the speech is `db` above it; the sum is turned down to leave room. */
function inNoise(clean, db, random) {
  const rms = Math.sqrt(clean.reduce((sum, x) => sum + x * x, 0) / clean.length);
  const amplitude = rms * 10 ** (-db / 20) * Math.sqrt(3);
  return clean.map((x) => 0.2 * (x + amplitude * random()));
}

/** Numbers from −1 to 1, the same on every run (Numerical Recipes' generator). */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
