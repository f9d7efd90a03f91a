/** What Prometheus sees. One registry per gateway, so that two in one process do not add up. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Engine } from "@aloud/engine";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DecoderPool } from "./audio/decoder-pool.ts";
import type { Access } from "./auth/access.ts";
import type { Vad } from "./vad/vad.ts";

/** How often the event loop's delay is looked at, in ms. */
const LOOP_SAMPLE_MS = 10;
/** Upper bounds of the delays that a listener notices, in seconds. */
const DELAY_BUCKETS = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];

export interface Metrics {
  readonly registry: Registry;
  readonly sessions: Gauge;
  /** Upgrades by what became of them. */
  readonly upgrades: Counter<"outcome">;
  /** Responses by how they ended. */
  readonly responses: Counter<"status">;
  /** Errors sent to clients, by code. */
  readonly errors: Counter<"code">;
  /** Seconds from the last speech to the first delta sent. */
  readonly firstDelta: Histogram;
  /** Seconds from the last speech to the first thought sent. */
  readonly firstThought: Histogram;
  /** Seconds from the last speech to the first word of the answer sent. */
  readonly firstAnswer: Histogram;
  /** Answers to speech by whether they were begun before the turn was known to be over. */
  readonly starts: Counter<"speculated">;
  /** Tokens of responses that the model ended: of the `prompt`, those `prefilled` before they were asked for and those that a server counted as `cached`; `think`; `answer`. */
  readonly tokens: Counter<"kind">;
  close(): void;
}

export interface MetricsSources {
  readonly vad: Vad;
  readonly decoders: DecoderPool;
  readonly access: Access;
  readonly engine: Pick<Engine, "status">;
}

export function createMetrics({ vad, decoders, access, engine }: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const loop = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS });
  loop.enable();
  new Gauge({
    name: "aloud_event_loop_delay_p99_seconds",
    help: "99th percentile of the event loop's delay since the last scrape",
    registers,
    collect() {
      // What is measured is the time from one sample to the next, of which the interval itself is no delay.
      this.set(Math.max(0, loop.percentile(99) / 1e9 - LOOP_SAMPLE_MS / 1e3));
      loop.reset();
    },
  });
  new Gauge({
    name: "aloud_vad_waiting_windows",
    help: "Windows of 32 ms that wait for the VAD",
    registers,
    collect() {
      this.set(vad.waiting());
    },
  });
  new Gauge({
    name: "aloud_opus_decoders",
    help: "Opus decoders in the hands of sessions",
    registers,
    collect() {
      this.set(decoders.live());
    },
  });
  new Gauge({
    name: "aloud_client_secrets",
    help: "Client secrets that have not expired",
    registers,
    collect() {
      this.set(access.secrets.size());
    },
  });
  processMetrics(registers);
  deviceMetrics(engine, registers);
  if (access.guarded) keyMetrics(access, registers);
  return {
    registry,
    sessions: new Gauge({ name: "aloud_sessions", help: "Live sessions", registers }),
    upgrades: new Counter({ name: "aloud_upgrades_total", help: "WebSocket handshakes", labelNames: ["outcome"], registers }),
    responses: new Counter({ name: "aloud_responses_total", help: "Responses by their final status", labelNames: ["status"], registers }),
    errors: new Counter({ name: "aloud_errors_total", help: "Errors sent to clients", labelNames: ["code"], registers }),
    firstDelta: new Histogram({
      name: "aloud_first_delta_seconds",
      help: "Last speech sample to first delta of the response",
      buckets: DELAY_BUCKETS,
      registers,
    }),
    firstThought: new Histogram({
      name: "aloud_first_thought_seconds",
      help: "Last speech sample to first thought or plan sent",
      buckets: DELAY_BUCKETS,
      registers,
    }),
    firstAnswer: new Histogram({
      name: "aloud_first_answer_seconds",
      help: "Last speech sample to first word of the answer or first call sent",
      buckets: DELAY_BUCKETS,
      registers,
    }),
    starts: new Counter({
      name: "aloud_answer_starts_total",
      help: "Answers to speech by whether they were begun before the turn was known to be over",
      labelNames: ["speculated"],
      registers,
    }),
    tokens: new Counter({
      name: "aloud_tokens_total",
      help: "Tokens of responses that the model ended: prompt, of it prefilled before it was asked for and cached by its server's own count, think and answer",
      labelNames: ["kind"],
      registers,
    }),
    close: () => {
      loop.disable();
      registry.clear();
    },
  };
}

/** This process, under the names that every exporter uses. prom-client's own set holds observers that nothing closes. */
function processMetrics(registers: Registry[]): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of the gateway's process, without the engine's",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the gateway's process, without the engine's",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({ name: "process_start_time_seconds", help: "Unix time of the process's start", registers }).set(
    Math.round(Date.now() / 1e3 - process.uptime()),
  );
}

/** Where the model runs, and how it is doing there. */
function deviceMetrics(engine: MetricsSources["engine"], registers: Registry[]): void {
  const labelNames = ["device"] as const;
  const devices = () => {
    const status = engine.status();
    return "devices" in status ? (status.devices ?? []) : [];
  };
  new Gauge({
    name: "aloud_engine_device_ready",
    help: "Whether a device or server of the engine can answer",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { id, state } of devices()) this.set({ device: id }, Number(state === "ready"));
    },
  });
  new Gauge({
    name: "aloud_engine_device_conversations",
    help: "Conversations that live on a device or server of the engine",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { id, conversations } of devices()) this.set({ device: id }, conversations);
    },
  });
  new Gauge({
    name: "aloud_engine_full",
    help: "Whether new sessions are refused because the engine has as much to do as it can",
    registers,
    collect() {
      const status = engine.status();
      this.set(Number(status.state === "ready" && status.full !== undefined));
    },
  });
}

/** What each key uses, by its name. */
function keyMetrics(access: Access, registers: Registry[]): void {
  const labelNames = ["key"] as const;
  new Gauge({
    name: "aloud_key_sessions",
    help: "Live sessions of a key",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { id, name } of access.keys()) this.set({ key: name }, access.usage(id).sessions);
    },
  });
  new Gauge({
    name: "aloud_key_seconds_today",
    help: "Seconds of a key's sessions since 00:00 UTC; what its quota counts",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { id, name } of access.keys()) this.set({ key: name }, access.usage(id).todayMs / 1_000);
    },
  });
  new Counter({
    name: "aloud_key_session_seconds_total",
    help: "Seconds of a key's sessions",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { id, name } of access.keys()) this.inc({ key: name }, access.usage(id).totalMs / 1_000);
    },
  });
}
