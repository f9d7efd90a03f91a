/**
 * CPU of the gateway and its engine while people speak, through real sockets with real Opus at the pace of speech, and how long the gateway's
 * event loop was held up meanwhile (its own p99, from /metrics). Each session speaks a 2 s command every 5 s. Peer: one session alone.
 * CPU time is read from /proc, so this benchmark needs Linux.
 */
import { existsSync, readFileSync } from "node:fs";
import { startServer } from "./server.mjs";
import { speakAtPace } from "./session.mjs";
import { opusSpeech, silence } from "./speech.mjs";
import { median, ms, percentile, ratio } from "./table.mjs";

const SECONDS = 20;
const TURN_EVERY_MS = 5_000;
const PACKET_MS = 20;
const TICKS_PER_SECOND = 100;

export async function run() {
  if (!existsSync("/proc/self/stat")) throw new Error("this benchmark reads CPU time from /proc, which this system lacks");
  const raw = [];
  for (const count of [1, 4, 8, 16]) raw.push(await measure(count));
  const base = raw[0].cpuMsPerSessionSecond;
  const rows = raw.map((r) => ({
    sessions: String(r.count),
    "CPU / session / s": ms(r.cpuMsPerSessionSecond),
    "to one session": ratio(r.cpuMsPerSessionSecond, base),
    // On a machine that is busy with something else it may be that nobody was answered in time.
    "answer delay p50": r.delays.length === 0 ? "none" : ms(median(r.delays)),
    "answer delay p95": r.delays.length === 0 ? "none" : ms(percentile(r.delays, 0.95)),
    "event loop p99": ms(r.eventLoopP99Ms),
    "engine's memory": `${r.engineMemoryMib.toFixed(0)} MiB`,
    answered: `${r.answered} / ${r.turns}`,
  }));
  return {
    title: `live sessions (${SECONDS} s each row, a 2 s command every ${TURN_EVERY_MS / 1000} s, 500 ms of silence end a turn)`,
    rows,
    raw,
  };
}

async function measure(count) {
  const server = await startServer();
  try {
    await fetch(`${server.url}/metrics`);
    const before = cpuMs(server.pid);
    const late = new Promise((resolve) => setTimeout(resolve, (SECONDS - 2) * 1_000)).then(async () =>
      (await fetch(`${server.url}/metrics`)).text(),
    );
    const sessions = await Promise.all(Array.from({ length: count }, (_, i) => live(server.socketUrl, (i * TURN_EVERY_MS) / count)));
    const used = cpuMs(server.pid) - before;
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const memory = Number(/^aloud_engine_device_memory_bytes\{.*\} (\S+)$/m.exec(await late)[1]);
    const turns = sessions.flatMap((session) => session.turns);
    const answered = turns.filter((turn) => turn.status === "completed");
    return {
      count,
      cpuMsPerSessionSecond: used / count / SECONDS,
      delays: turns.flatMap((turn) => turn.timing?.first_answer_ms ?? []),
      eventLoopP99Ms: Number(/^aloud_event_loop_delay_p99_seconds (\S+)$/m.exec(metrics)[1]) * 1000,
      engineMemoryMib: memory / 2 ** 20,
      turns: turns.length,
      answered: answered.length,
    };
  } finally {
    await server.stop();
  }
}

/** A command every `TURN_EVERY_MS`, silence in between. @returns the conversation */
async function live(url, offsetMs) {
  const command = await opusSpeech();
  const quiet = await silence();
  return speakAtPace(url, SECONDS * 1000, (atMs) => command[Math.floor(((atMs + offsetMs) % TURN_EVERY_MS) / PACKET_MS)] ?? quiet);
}

/** CPU time of a process and its children, in ms. */
function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const own = (Number(stat[11]) + Number(stat[12])) * (1000 / TICKS_PER_SECOND);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean);
  return children.reduce((sum, child) => sum + cpuMs(Number(child)), own);
}
