/**
 * The VAD's thread: one model, one session, every stream of the gateway. Windows wait for the next tick and are scored in
 * batches of one window per stream, because a stream's windows depend on each other.
 */
import { parentPort } from "node:worker_threads";
import type { FromWorker, ToWorker } from "./messages.ts";
import { freshState, loadSilero, MAX_BATCH, type SileroState } from "./silero.ts";

/** Waiting gathers streams into one batch (a third less CPU); 20 ms saves no more than 10 and doubles the delay. */
const TICK_MS = 10;

/** Eight streams in one run cost each less than half of what one alone costs; more gains little. */
const GOOD_BATCH = 8;

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

/**
 * Scores one window of each waiting stream, and goes on while there is a backlog (audio that comes faster than it is spoken) or a
 * batch worth its run; what only just came waits for the next tick. Messages get in between two batches.
 */
async function run(): Promise<void> {
  pass = "running";
  let backlog: "none" | "some" = "some";
  while (busy.size > 0 && (backlog === "some" || busy.size >= GOOD_BATCH)) {
    backlog = "none";
    const batch: { id: number; window: Float32Array; state: SileroState }[] = [];
    for (const id of [...busy].slice(0, MAX_BATCH)) {
      busy.delete(id);
      const stream = streams.get(id);
      const window = stream?.waiting.shift();
      if (stream === undefined || window === undefined) continue;
      batch.push({ id, window, state: stream.state });
      if (stream.waiting.length === 0) continue;
      // To the back of the queue, so that one fast stream does not hold up the others.
      busy.add(id);
      backlog = "some";
    }
    if (batch.length === 0) continue;
    const probabilities = (await silero.score(batch)).slice();
    say({ kind: "scores", streams: batch.map(({ id }) => id), probabilities });
    await new Promise(setImmediate);
  }
  pass = "none";
  if (stopping) await stop();
  else if (busy.size > 0) plan();
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
