/**
 * One session without a socket: what a client sends goes in as values, what the server sends comes out, time is a test's. Loud audio is
 * speech and quiet audio is none, so that nothing has to be recorded and no model runs.
 */
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { Dialect } from "@aloud/client/protocol";
import { openScriptedEngine, type ScriptedEngine, type ScriptedOptions } from "@aloud/engine/testing";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { DecoderPool } from "../../gateway/src/audio/decoder-pool.ts";
import { createLogger, type GatewayConfig, readConfig } from "../../gateway/src/index.ts";
import type { Metrics } from "../../gateway/src/metrics.ts";
import { Session } from "../../gateway/src/session.ts";
import type { Vad } from "../../gateway/src/vad/vad.ts";
import type { WireEvent } from "./client.ts";
import { VirtualClock } from "./virtual-clock.ts";

const RATE_HZ = 24_000;
const LOUD = 0.3;
const THRESHOLD = 0.05;

/** Base64 PCM16 of a tone (or of silence) of so many ms. */
export function tone(ms: number, level = LOUD): string {
  const bytes = Buffer.alloc(((ms * RATE_HZ) / 1_000) * 2);
  for (let index = 0; index < bytes.length / 2; index++)
    bytes.writeInt16LE(Math.round(32_767 * level * Math.sin((2 * Math.PI * 220 * index) / RATE_HZ)), index * 2);
  return bytes.toString("base64");
}

const loudnessVad: Vad = {
  open: () => ({
    score: async (window) => (window.some((sample) => Math.abs(sample) > THRESHOLD) ? 0.95 : 0.02),
    close: () => {},
  }),
  state: () => "up",
  waiting: () => 0,
  restarts: () => 0,
  onScored: () => {},
  close: async () => {},
};

const help = "of a test";
const metrics: Metrics = {
  registry: new Registry(),
  sessions: new Gauge({ name: "sessions", help, registers: [] }),
  upgrades: new Counter({ name: "upgrades", help, labelNames: ["outcome"], registers: [] }),
  responses: new Counter({ name: "responses", help, labelNames: ["status"], registers: [] }),
  errors: new Counter({ name: "errors", help, labelNames: ["code"], registers: [] }),
  firstDelta: new Histogram({ name: "first_delta", help, registers: [] }),
  firstThought: new Histogram({ name: "first_thought", help, registers: [] }),
  firstAnswer: new Histogram({ name: "first_answer", help, registers: [] }),
  starts: new Counter({ name: "starts", help, labelNames: ["speculated"], registers: [] }),
  tokens: new Counter({ name: "tokens", help, labelNames: ["kind"], registers: [] }),
  close: () => {},
};
const logger = createLogger("silent");
const decoders = new DecoderPool(0);

export interface TestSession {
  readonly engine: ScriptedEngine;
  readonly clock: VirtualClock;
  readonly events: WireEvent[];
  send(event: Record<string, unknown>): void;
  /** Audio in pieces of 100 ms. */
  speak(ms: number): void;
  pause(ms: number): void;
  /** A typed message of the user. */
  type(text: string): void;
  /** Lets everything that waits for nothing but the event loop happen. */
  settle(): Promise<void>;
  all(type: string): WireEvent[];
  types(): string[];
  /** The last event of a type. */
  last(type: string): WireEvent;
  close(): Promise<void>;
}

const SPEECH = tone(100);
const SILENCE = tone(100, 0);
/** Turns of the event loop until nothing moves any more: more than any chain of promises of one event. */
const TURNS = 12;

export function openTestSession(
  script: ScriptedOptions = {},
  dialect: Dialect = "realtime",
  config: Partial<GatewayConfig> = {},
): TestSession {
  const engine = openScriptedEngine(script);
  const clock = new VirtualClock();
  const events: WireEvent[] = [];
  const session = new Session({
    config: readConfig({ port: 0, ...config }, {}),
    engine,
    vad: loudnessVad,
    decoders,
    metrics,
    logger,
    clock,
    dialect,
    connection: { send: (text) => void events.push(JSON.parse(text)), close: () => {}, terminate: () => {} },
    onEnded: () => {},
  });
  const send = (event: Record<string, unknown>) => session.onText(JSON.stringify(event));
  const sound = (audio: string, ms: number) => {
    for (let sent = 0; sent < ms; sent += 100) send({ type: "input_audio_buffer.append", audio });
  };
  const all = (type: string) => events.filter((event) => event.type === type);
  return {
    engine,
    clock,
    events,
    send,
    speak: (ms) => sound(SPEECH, ms),
    pause: (ms) => sound(SILENCE, ms),
    type: (text) => {
      send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
    },
    async settle() {
      for (let turn = 0; turn < TURNS; turn++) await turnOfTheLoop();
    },
    all,
    types: () => events.map(({ type }) => type),
    last(type) {
      const found = all(type).at(-1);
      if (found === undefined) throw new Error(`no ${type}; came: ${events.map((event) => event.type).join(", ")}`);
      return found;
    },
    async close() {
      session.onClosed(1000);
      for (let turn = 0; turn < TURNS && engine.openConversations > 0; turn++) await turnOfTheLoop();
    },
  };
}
