/**
 * The VAD's thread: one model, one session, every stream of the gateway. Windows wait for the next tick and are scored in
 * batches of one window per stream, because a stream's windows depend on each other.
 */
import { parentPort } from "node:worker_threads";
import type { FromWorker, ToWorker } from "./messages.ts";
import { freshState, loadSilero, MAX_BATCH, type SileroState } from "./silero.ts";

/** Waiting gathers streams into one batch (a third less CPU); 20 ms saves no more than 10 and doubles the delay. */
const TICK_MS = 10;

interface Stream {
  readonly state: SileroState;
  readonly waiting: Float32Array[];
}

const port = parentPort;
if (port === null) throw new Error("vad/worker runs in a worker thread");
const say = (message: FromWorker) => port.postMessage(message);
const silero = await loadSilero();
/** Streams with windows waiting, oldest first; the others are only in `streams`. */
const busy = new Set<number>();
const streams = new Map<number, Stream>();
let pass: "none" | "planned" | "running" = "none";
let stopping = false;

function plan(): void {
  if (pass !== "none") return;
  pass = "planned";
  setTimeout(() => void run(), busy.size >= MAX_BATCH ? 0 : TICK_MS);
}

/** Scores until nothing waits, letting messages in between two batches. */
async function run(): Promise<void> {
  pass = "running";
  while (busy.size > 0) {
    const batch: { id: number; window: Float32Array; state: SileroState }[] = [];
    for (const id of [...busy].slice(0, MAX_BATCH)) {
      busy.delete(id);
      const stream = streams.get(id);
      const window = stream?.waiting.shift();
      if (stream === undefined || window === undefined) continue;
      batch.push({ id, window, state: stream.state });
      // To the back of the queue, so that one fast stream does not hold up the others.
      if (stream.waiting.length > 0) busy.add(id);
    }
    if (batch.length === 0) continue;
    const probabilities = (await silero.score(batch)).slice();
    say({ kind: "scores", streams: batch.map(({ id }) => id), probabilities });
    await new Promise(setImmediate);
  }
  pass = "none";
  if (stopping) await stop();
}

async function stop(): Promise<void> {
  await silero.close();
  port?.close();
}

port.on("message", (message: ToWorker) => {
  switch (message.kind) {
    case "window": {
      const stream = streams.get(message.stream) ?? { state: freshState(), waiting: [] };
      streams.set(message.stream, stream);
      stream.waiting.push(message.window);
      busy.add(message.stream);
      plan();
      break;
    }
    case "forget":
      streams.delete(message.stream);
      busy.delete(message.stream);
      break;
    case "stop":
      stopping = true;
      streams.clear();
      busy.clear();
      if (pass === "none") void stop();
      break;
  }
});
say({ kind: "ready" });
