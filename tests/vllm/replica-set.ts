/** Several fake servers behind one engine, and time that a test moves: what the tests of replicas have in common. */
import type { ConversationSetup, Engine, GenerateEvent, GenerateRequest } from "@aloud/engine";
import { type Move, openVllmEngine, type VllmOptions } from "@aloud/engine/vllm";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";
import { type FakeOptions, type FakeVllm, startFakeVllm } from "./fake/server.ts";

export const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 64 };
export const NEVER = new AbortController().signal;
const ANSWER = /^Sure! \w+ looks fine,\u200b with some light wind near noon$/u;
const THOUGHT = /^The speaker sounds calm and asks about \w+\. Pitch falls at the end, so it is a real question; I will answer briefly$/u;
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
export const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

/** A server, and what happens at its tokens and its new audio. */
export interface Server {
  fake: FakeVllm;
  onToken: (n: number) => Promise<void> | void;
  onAudio: () => Promise<void>;
}

export async function startServer(options: FakeOptions = {}): Promise<Server> {
  let tokens = 0;
  const server: Server = {
    onToken: turn,
    onAudio: turn,
    fake: await startFakeVllm({
      pace: async () => server.onToken(tokens++),
      preprocess: () => server.onAudio(),
      ...options,
    }),
  };
  cleanUp.push(() => server.fake.kill());
  return server;
}

/** Requests that have no headers yet: before time goes on, what can be answered is. */
let unanswered = 0;
const { fetch } = globalThis;
beforeAll(() => {
  vi.stubGlobal("fetch", (...request: Parameters<typeof fetch>) => {
    unanswered += 1;
    return fetch(...request).finally(() => (unanswered -= 1));
  });
});
afterAll(() => vi.unstubAllGlobals());
async function quiet(): Promise<void> {
  // What hangs is not waited for; what is read after the headers takes a few turns more.
  for (let turns = 0; turns < 200 && unanswered > 0; turns += 1) await turn();
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

/** Waits for something that comes over the network; time itself stands still. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

export async function start(count: number, options: Partial<VllmOptions> = {}, fakes: readonly FakeOptions[] = []) {
  const clock = new VirtualClock();
  const servers = await Promise.all(Array.from({ length: count }, (_, n) => startServer(fakes[n])));
  const moves: Move[] = [];
  const urls = servers.map(({ fake }) => fake.url);
  const engine = openVllmEngine({ urls, temperature: 0, clock, onMove: (move) => moves.push(move), ...options });
  cleanUp.push(() => engine.close());
  clock.advance(0);
  await until(() => engine.status().state === "failed" || replicasOf(engine).every(({ state }) => state !== "loading"));
  for (const { fake } of servers) fake.requests.length = 0;
  return {
    clock,
    servers,
    moves,
    engine,
    /** Moves the clock in small steps, and lets what is then sent be answered. */
    async pass(seconds: number) {
      for (let n = 0; n < 2 * seconds; n += 1) {
        clock.advance(500);
        await quiet();
      }
    },
  };
}

export const replicasOf = (engine: Engine) => {
  const status = engine.status();
  return "devices" in status ? (status.devices ?? []) : [];
};
export const statesOf = (engine: Engine) => replicasOf(engine).map(({ state }) => state);

/** Opens a conversation; `home` is the server that it lives on, `other` the next. */
export async function converse({ engine, servers }: Awaited<ReturnType<typeof start>>, setup: ConversationSetup = {}) {
  const before = replicasOf(engine).map(({ conversations }) => conversations);
  const conversation = await engine.open(setup);
  const home = replicasOf(engine).findIndex(({ conversations }, n) => conversations > (before[n] ?? 0));
  for (const { fake } of servers) fake.requests.length = 0;
  return {
    conversation,
    home: servers[home] as Server,
    homeId: `vllm:${home}`,
    other: servers[(home + 1) % servers.length] as Server,
    hear: (ms: number, seed = 1) => conversation.append({ type: "audio", samples: pseudoSpeech(ms, seed) }),
    answer: () => collect(conversation.generate(REQUEST, NEVER)),
  };
}

export async function collect(events: AsyncIterable<GenerateEvent>, onEvent: (event: GenerateEvent) => void = () => {}) {
  const all: GenerateEvent[] = [];
  for await (const event of events) {
    all.push(event);
    onEvent(event);
  }
  return all;
}

export const textOf = (events: readonly GenerateEvent[], ...channels: string[]) =>
  events.map((event) => (event.type === "delta" && channels.includes(event.channel) ? event.text : "")).join("");
export const lastPrefill = ({ fake }: Server): string => fake.requests.at(-1).messages.at(-1).content;
export const partsOf = (request: unknown) => JSON.stringify(request).match(/"input_audio":\{/gu)?.length ?? 0;

export function expectWholeAnswer(events: readonly GenerateEvent[]): void {
  expect(textOf(events, "semantic", "acoustic")).toMatch(THOUGHT);
  expect(textOf(events, "answer")).toMatch(ANSWER);
  expect(events.filter(({ type }) => type === "end")).toMatchObject([{ type: "end", reason: "stop" }]);
}
