/**
 * What a person waits for: from the endpoint (500 ms of silence after the last word) to the first thought and the first answer delta, at the
 * gateway, with real Opus at the pace of speech. Peer: the same gateway with ALOUD_SPECULATE=0, which begins to generate only at the endpoint.
 */
import { startServer } from "./server.mjs";
import { speakAtPace } from "./session.mjs";
import { opusOf, silence, speech } from "./speech.mjs";
import { median, ms, ratio } from "./table.mjs";

const REPEATS = 3;
const PACKET_MS = 20;
/** Silence after the speech, in which the answer comes. */
const ANSWER_MS = 3_000;
const LENGTHS = [2, 5, 10, 20];

export async function run() {
  const speculating = await measure({ ALOUD_SPECULATE: "1" });
  const waiting = await measure({ ALOUD_SPECULATE: "0" });
  const base = median(speculating[0].thoughts);
  const rows = LENGTHS.map((seconds, i) => ({
    speech: `${seconds} s`,
    "first thought": ms(median(speculating[i].thoughts)),
    "to its 2 s": ratio(median(speculating[i].thoughts), base),
    "first answer": ms(median(speculating[i].answers)),
    "thought, not speculating": ms(median(waiting[i].thoughts)),
    "to its 2 s ": ratio(median(waiting[i].thoughts), median(waiting[0].thoughts)),
  }));
  return {
    title: `endpoint → first delta at the gateway (median of ${REPEATS}, at the pace of speech)`,
    rows,
    raw: { speculating, waiting },
  };
}

async function measure(env) {
  const server = await startServer(env);
  try {
    const results = [];
    for (const seconds of LENGTHS) {
      const timings = [];
      for (let i = 0; i < REPEATS; i += 1) timings.push(await speak(server.socketUrl, seconds));
      results.push({
        seconds,
        thoughts: timings.map((timing) => timing.first_thought_ms - timing.endpoint_ms),
        answers: timings.map((timing) => timing.first_answer_ms - timing.endpoint_ms),
      });
    }
    return results;
  } finally {
    await server.stop();
  }
}

/** Speaks once and waits for the whole answer. @returns its timing */
async function speak(url, seconds) {
  const packets = await opusOf(speech(seconds));
  const quiet = await silence();
  const conversation = await speakAtPace(url, seconds * 1000 + ANSWER_MS, (atMs) => packets[atMs / PACKET_MS] ?? quiet);
  // Pauses in the recording may end a turn early; the last turn is the one that ends with the recording.
  const { timing } = conversation.turns.findLast((turn) => turn.timing?.endpoint_ms !== undefined) ?? {};
  if (timing === undefined) throw new Error(`${seconds} s of speech were not answered`);
  return timing;
}
