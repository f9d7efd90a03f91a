/**
 * What the gateway itself takes while people are connected and say nothing: sockets, Opus and voice detection of a room's noise at the pace of speech, and no
 * model. CPU and memory are its own figures (`/metrics`), in which the engine's process is not. Peer: one session alone.
 */
import { startServer } from "./server.mjs";
import { speakAtPace } from "./session.mjs";
import { opusOf } from "./speech.mjs";
import { ms, ratio } from "./table.mjs";

const SECONDS = 20;
/** From here on it is counted: before, sessions open and code is compiled. */
const FROM_SECOND = 5;
const TO_SECOND = 18;
const PACKET_MS = 20;
const MIB = 2 ** 20;

export async function run() {
  const noise = await opusOf(roomNoise());
  const raw = [];
  for (const count of [1, 8, 32, 64, 100]) raw.push(await measure(count, noise));
  const base = raw[0].cpuMsPerSessionSecond;
  const rows = raw.map((r) => ({
    sessions: String(r.count),
    "CPU / session / s": ms(r.cpuMsPerSessionSecond),
    "to one session": ratio(r.cpuMsPerSessionSecond, base),
    "memory, empty": `${r.emptyMib.toFixed(0)} MiB`,
    "memory / session": `${((r.fullMib - r.emptyMib) / r.count).toFixed(2)} MiB`,
    "event loop p99": ms(r.eventLoopP99Ms),
    "windows scored within 50 ms": `${(100 * r.within50).toFixed(1)} %`,
  }));
  return { title: `sessions that only listen (${TO_SECOND - FROM_SECOND} s of each row; the gateway's process alone)`, rows, raw };
}

async function measure(count, noise) {
  const server = await startServer({ ALOUD_MAX_SESSIONS: "1000" });
  const look = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const value = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    return {
      cpuMs: value("process_cpu_seconds_total") * 1_000,
      mib: value("process_resident_memory_bytes") / MIB,
      eventLoopMs: value("aloud_event_loop_delay_p99_seconds") * 1_000,
      scored: value("aloud_vad_delay_seconds_count"),
      soon: value('aloud_vad_delay_seconds_bucket\\{le="0.05"\\}'),
    };
  };
  const at = (second) => new Promise((resolve) => setTimeout(resolve, second * 1_000)).then(look);
  try {
    const empty = await look();
    const [from, to] = await Promise.all([
      at(FROM_SECOND),
      at(TO_SECOND),
      ...Array.from({ length: count }, (_, n) =>
        // Each begins elsewhere in the noise.
        speakAtPace(server.socketUrl, SECONDS * 1_000, (atMs) => noise[(atMs / PACKET_MS + 7 * n) % noise.length]),
      ),
    ]);
    return {
      count,
      cpuMsPerSessionSecond: (to.cpuMs - from.cpuMs) / count / (TO_SECOND - FROM_SECOND),
      emptyMib: empty.mib,
      fullMib: to.mib,
      eventLoopP99Ms: to.eventLoopMs,
      within50: (to.soon - from.soon) / (to.scored - from.scored),
    };
  } finally {
    await server.stop();
  }
}

/** Ten seconds of it, quiet, the same on every run. */
function roomNoise() {
  let state = 1;
  let smooth = 0;
  return Float32Array.from({ length: 160_000 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    smooth += 0.2 * (state / 0x8000_0000 - 1 - smooth);
    return 0.02 * smooth;
  });
}
