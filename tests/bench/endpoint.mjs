/**
 * Endpoint → first thinking token. *Incremental*: the audio was appended in 20 ms packets while it was "spoken", so only the last
 * partial block is left at the endpoint. *One-shot*: the same audio, the same model, the same block loop, but all of it appended at
 * the endpoint, as a server does that waits for the whole utterance.
 */
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { speech } from "./speech.mjs";
import { median, ms, ratio } from "./table.mjs";

const PACKET_SAMPLES = 320;
const REPEATS = 9;
const REQUEST = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 16 };

export async function run() {
  const engine = openEmbeddedEngine({ maxConversations: 4 });
  try {
    const raw = [];
    for (const seconds of [2, 5, 10, 20]) {
      const incremental = [];
      const oneShot = [];
      // Interleaved, so that a change of the machine's mood meets both alike; the first round only warms up.
      for (let i = 0; i <= REPEATS; i += 1) {
        const a = await firstThought(engine, speech(seconds), "incremental");
        const b = await firstThought(engine, speech(seconds), "one-shot");
        if (i === 0) continue;
        incremental.push(a);
        oneShot.push(b);
      }
      raw.push({ seconds, incremental, oneShot });
    }
    const base = median(raw[0].incremental);
    const rows = raw.map(({ seconds, incremental, oneShot }) => ({
      speech: `${seconds} s`,
      incremental: ms(median(incremental)),
      "one-shot": ms(median(oneShot)),
      "one-shot / incremental": ratio(median(oneShot), median(incremental)),
      "incremental / its 2 s": ratio(median(incremental), base),
    }));
    return { title: `endpoint → first thinking token (median of ${REPEATS}, embedded engine, ${engine.info.model})`, rows, raw };
  } finally {
    await engine.close();
  }
}

/** @returns {Promise<number>} milliseconds */
async function firstThought(engine, samples, how) {
  const conversation = await engine.open({});
  try {
    if (how === "incremental") {
      for (let at = 0; at < samples.length; at += PACKET_SAMPLES) {
        await conversation.append({ type: "audio", samples: samples.slice(at, at + PACKET_SAMPLES) });
      }
    }
    const endpoint = performance.now();
    if (how === "one-shot") void conversation.append({ type: "audio", samples });
    for await (const event of conversation.generate(REQUEST, new AbortController().signal)) {
      if (event.type === "delta") return performance.now() - endpoint;
    }
    throw new Error("the model produced nothing");
  } finally {
    await conversation.close();
  }
}
