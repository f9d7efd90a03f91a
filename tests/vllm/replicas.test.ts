/** Several servers for one model: what becomes of conversations when one of them dies, hangs, comes and goes, or has too much to do. */
import type { ConversationSetup, Engine, GenerateEvent, GenerateRequest } from "@aloud/engine";
import { type Move, openVllmEngine, type VllmOptions } from "@aloud/engine/vllm";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";
import { type FakeOptions, type FakeVllm, startFakeVllm } from "./fake/server.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 64 };
const NEVER = new AbortController().signal;
const ANSWER = /^Sure! \w+ looks fine,\u200b with some light wind near noon$/u;
const THOUGHT = /^The speaker sounds calm and asks about \w+\. Pitch falls at the end, so it is a real question; I will answer briefly$/u;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

/** A server, and what happens at its tokens and its new audio. */
interface Server {
  fake: FakeVllm;
  onToken: (n: number) => Promise<void> | void;
  onAudio: () => Promise<void>;
}

async function startServer(options: FakeOptions = {}): Promise<Server> {
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
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

async function start(count: number, options: Partial<VllmOptions> = {}, fakes: readonly FakeOptions[] = []) {
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

const replicasOf = (engine: Engine) => {
  const status = engine.status();
  return "devices" in status ? (status.devices ?? []) : [];
};
const statesOf = (engine: Engine) => replicasOf(engine).map(({ state }) => state);

/** Opens a conversation; `home` is the server that it lives on, `other` the next. */
async function converse({ engine, servers }: Awaited<ReturnType<typeof start>>, setup: ConversationSetup = {}) {
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

async function collect(events: AsyncIterable<GenerateEvent>, onEvent: (event: GenerateEvent) => void = () => {}) {
  const all: GenerateEvent[] = [];
  for await (const event of events) {
    all.push(event);
    onEvent(event);
  }
  return all;
}

const textOf = (events: readonly GenerateEvent[], ...channels: string[]) =>
  events.map((event) => (event.type === "delta" && channels.includes(event.channel) ? event.text : "")).join("");
const lastPrefill = ({ fake }: Server): string => fake.requests.at(-1).messages.at(-1).content;
const partsOf = (request: unknown) => JSON.stringify(request).match(/"input_audio":\{/gu)?.length ?? 0;

function expectWholeAnswer(events: readonly GenerateEvent[]): void {
  expect(textOf(events, "semantic", "acoustic")).toMatch(THOUGHT);
  expect(textOf(events, "answer")).toMatch(ANSWER);
  expect(events.filter(({ type }) => type === "end")).toMatchObject([{ type: "end", reason: "stop" }]);
}

describe("a conversation's server", () => {
  test("is the same for every conversation of a session, and its cache is used again", async () => {
    const all = await start(3);
    const homes = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const { conversation, homeId } = await converse(all, { sessionId: "one" });
      homes.add(homeId);
      await conversation.close();
    }
    expect(homes.size).toBe(1);
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 0, 0]);
  });

  test("has no more than a quarter above its share", async () => {
    const all = await start(2);
    for (let n = 0; n < 16; n += 1) await all.engine.open({});
    for (const { conversations } of replicasOf(all.engine)) expect(conversations).toBeLessThanOrEqual(10);
  });

  test("hears all of its requests, warm-ups and answers", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(4_500);
    expectWholeAnswer(await answer());
    expect(home.fake.requests.length).toBeGreaterThan(1);
    expect(other.fake.requests).toEqual([]);
    expect(all.moves).toEqual([]);
  });
});

describe("a server that is killed", () => {
  test("during a warm-up: the other is given all of the audio", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(2_500, 1);
    home.onAudio = () => new Promise(() => {});
    const heard = hear(2_500, 2);
    await until(() => home.fake.running > 0);
    await home.fake.kill();
    await expect(heard).resolves.toMatchObject({ tokens: expect.any(Number) });
    expect(partsOf(other.fake.requests[0])).toBe(partsOf(home.fake.requests.at(-1)));
    expectWholeAnswer(await answer());
    expect(all.moves).toMatchObject([{ reason: "failover" }]);
  });

  test("before its headers: nobody notices", async () => {
    const all = await start(2);
    const { home, other, hear, conversation } = await converse(all);
    await hear(1_000);
    home.onAudio = () => new Promise(() => {});
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await until(() => home.fake.running > 0);
    await home.fake.kill();
    expectWholeAnswer(await answered);
    expect(lastPrefill(other)).toBe("<think>\n");
  });

  test.each([
    ["in the middle of a thought", 9, /^<think>\nThe speaker sounds[^<]*$/u],
    ["in the middle of an answer", 32, /<\/think>\n\nSure/u],
  ])("%s: the other goes on from what has come", async (_when, at, prefill) => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === at) await home.fake.kill();
      // What was written has left before.
      await turn();
      await turn();
    };
    const events = await answer();
    expectWholeAnswer(events);
    expect(other.fake.requests).toHaveLength(1);
    expect(lastPrefill(other)).toMatch(prefill);
    expect(all.moves).toMatchObject([{ reason: "failover" }]);
    await until(() => statesOf(all.engine).includes("loading"));
  });

  test.each([3, 8, 14, 21, 25, 26, 27, 28, 33, 38, 41])("at token %i: no word is lost, none comes twice", async (at) => {
    const all = await start(2, {}, [
      { hasParser: false, think: "text" },
      { hasParser: false, think: "text" },
    ]);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === at) await home.fake.kill();
      await turn();
    };
    expectWholeAnswer(await answer());
  });

  test("between two turns: the next one knows what was said", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000, 1);
    expectWholeAnswer(await answer());
    await home.fake.kill();
    await hear(1_000, 2);
    expectWholeAnswer(await answer());
    expect(partsOf(other.fake.requests.at(-1))).toBe(2);
    expect(JSON.stringify(other.fake.requests.at(-1))).toContain("Sure! ");
  });

  test("twice in one answer: it goes on a third time", async () => {
    const all = await start(3);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    for (const server of all.servers) {
      server.onToken = async () => {
        tokens += 1;
        if (tokens === 10 || tokens === 20) await server.fake.kill();
        await turn();
        await turn();
      };
    }
    expectWholeAnswer(await answer());
    expect(all.moves).toHaveLength(2);
  });

  test("by the request itself: it reaches no more than three", async () => {
    const all = await start(5);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    for (const server of all.servers) {
      server.onAudio = async () => {
        await server.fake.kill();
      };
    }
    await expect(answer()).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(all.servers.filter(({ fake }) => fake.requests.length > 0)).toHaveLength(3);
  });

  test("with a tool call on its lips: it is called once", async () => {
    const all = await start(2);
    const { home, hear, conversation, answer } = await converse(all, { tools: [{ name: "set_light" }] });
    await hear(1_000);
    await conversation.append({ type: "text", role: "user", text: "light please" });
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === 28) await home.fake.kill();
      await turn();
      await turn();
    };
    const events = await answer();
    expect(events.filter(({ type }) => type === "tool_call")).toEqual([
      { type: "tool_call", name: "set_light", arguments: '{"on": true}' },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "stop" });
    expect(all.moves).toHaveLength(1);
  });
});

describe("when every server is gone", () => {
  test("the status says so, who waits goes on when one is back, and conversations do not count for ever", async () => {
    const all = await start(2);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    await Promise.all(all.servers.map(({ fake }) => fake.kill()));
    await expect(answer()).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(all.engine.status()).toMatchObject({ state: "loading", message: "waiting for one of 2 vLLM servers to come back" });
    expect(statesOf(all.engine)).toEqual(["loading", "loading"]);
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 0]);
    const opened = all.engine.open({});
    const port = Number(new URL(all.servers[1]?.fake.url ?? "").port);
    cleanUp.push(await startFakeVllm({ port }).then((back) => () => back.kill()));
    await all.pass(2);
    const next = await opened;
    await next.append({ type: "text", role: "user", text: "hello" });
    expectWholeAnswer(await collect(next.generate(REQUEST, NEVER)));
    expect(statesOf(all.engine)).toEqual(["loading", "ready"]);
  });

  test("an only server whose connection breaks in the middle is asked for the rest", async () => {
    const all = await start(1);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === 34) home.fake.breakConnections();
      await turn();
      await turn();
    };
    expectWholeAnswer(await answer());
    expect(lastPrefill(home)).toMatch(/<\/think>\n\nSure/u);
  });
});

describe("a server that hangs", () => {
  test("is given up within eight seconds, and its conversations go on elsewhere", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.fake.setHung(true);
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await all.pass(8);
    expect(statesOf(all.engine).sort()).toEqual(["loading", "ready"]);
    await all.pass(1);
    expectWholeAnswer(await answered);
    expect((await converse(all)).home).not.toBe(home);
  });

  test("in the middle of an answer: the other goes on from what has come", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    let answers = 0;
    const answered = collect(conversation.generate(REQUEST, NEVER), (event) => {
      if (event.type === "delta" && event.channel === "answer") answers += 1;
      if (answers === 3) home.fake.setHung(true);
    });
    await until(() => answers >= 3);
    await all.pass(10);
    expectWholeAnswer(await answered);
  });

  test("in the middle of an answer, while it says that it is well: the rest is asked of the other after 15 s", async () => {
    const all = await start(2);
    const { home, other, hear, conversation } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = () => (++tokens < 34 ? turn() : new Promise(() => {}));
    let answers = 0;
    const answered = collect(conversation.generate(REQUEST, NEVER), (event) => {
      if (event.type === "delta" && event.channel === "answer") answers += 1;
    });
    await until(() => answers >= 3);
    await all.pass(16);
    await until(() => other.fake.requests.length > 0);
    expectWholeAnswer(await answered);
    expect(lastPrefill(other)).toMatch(/<\/think>\n\nSure/u);
  });

  test("while it says that it is well: an answer that stays away for 15 s is asked of the other", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.onToken = () => new Promise(() => {});
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await until(() => home.fake.running > 0);
    await all.pass(14);
    expect(all.moves).toEqual([]);
    await all.pass(2);
    expectWholeAnswer(await answered);
  });

  test("and is the only one: it is waited for", async () => {
    const all = await start(1);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.fake.setHung(true);
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await all.pass(8);
    expect(statesOf(all.engine)).toEqual(["ready"]);
    home.fake.setHung(false);
    expectWholeAnswer(await answered);
  });
});

test("a server that says that it is well and fails at all it is asked is given up", async () => {
  const all = await start(2);
  const [first] = all.servers as [Server, Server];
  first.onToken = async () => {
    first.fake.breakConnections();
    await turn();
  };
  const talks = await Promise.all(Array.from({ length: 8 }, () => all.engine.open({})));
  for (const [n, talk] of talks.entries()) {
    await talk.append({ type: "audio", samples: pseudoSpeech(500, n) });
    expectWholeAnswer(await collect(talk.generate(REQUEST, NEVER)));
    await all.pass(1);
  }
  expect(all.moves.length).toBeGreaterThanOrEqual(3);
  expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 8]);
  expect(statesOf(all.engine)).toContain("loading");
});

describe("a server that comes back", () => {
  test("is not trusted before it has made a token", async () => {
    const all = await start(2);
    const { home, homeId } = await converse(all);
    home.fake.setUnwell(true);
    await all.pass(1);
    expect(statesOf(all.engine).sort()).toEqual(["loading", "ready"]);
    home.fake.setUnwell(false);
    home.onToken = () => new Promise(() => {});
    await all.pass(10);
    expect(replicasOf(all.engine).find(({ id }) => id === homeId)?.state).toBe("loading");
  });

  test("takes a tenth of its share at first; conversations return between turns only, and gradually", async () => {
    const all = await start(2);
    await all.pass(60);
    const talks = await Promise.all(Array.from({ length: 12 }, (_, n) => all.engine.open({ sessionId: `s${n}` })));
    const [first] = all.servers as [Server, Server];
    first.fake.setUnwell(true);
    await all.pass(1);
    const ask = (n: number) => Promise.all(talks.map((talk) => talk.append({ type: "text", role: "user", text: `turn ${n}` })));
    const answer = () => Promise.all(talks.map((talk) => collect(talk.generate(REQUEST, NEVER))));
    await ask(1);
    await answer();
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 12]);
    first.fake.setUnwell(false);
    await all.pass(2);
    expect(statesOf(all.engine)).toEqual(["ready", "ready"]);
    const counts: number[] = [];
    for (let n = 2; n < 8; n += 1) {
      await ask(n);
      counts.push(replicasOf(all.engine)[0]?.conversations ?? 0);
      // In the middle of a turn nothing moves.
      const moved = all.moves.length;
      await all.pass(12);
      await ask(n);
      await answer();
      expect(all.moves.length).toBe(moved);
    }
    expect(counts[0]).toBeLessThanOrEqual(2);
    expect(counts.at(-1)).toBeGreaterThan(2);
    expect(counts.at(-1)).toBeLessThanOrEqual(6);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(all.moves.filter(({ reason }) => reason === "balance").length).toBe(counts.at(-1));
  });

  test("and goes again is left alone for longer each time", async () => {
    const all = await start(2);
    const [first] = all.servers as [Server, Server];
    const away: number[] = [];
    for (let fall = 0; fall < 4; fall += 1) {
      first.fake.setUnwell(true);
      await all.pass(1);
      expect(statesOf(all.engine)[0]).toBe("loading");
      first.fake.setUnwell(false);
      let seconds = 0;
      while (statesOf(all.engine)[0] === "loading") {
        await all.pass(1);
        seconds += 1;
      }
      away.push(seconds);
    }
    expect(away).toEqual([1, 2, 4, 8]);
  });
});

describe("servers that have too much to do", () => {
  test("are sent no warm-ups, and the answer comes all the same", async () => {
    const all = await start(1);
    all.servers[0]?.fake.setMetrics({ cacheUsage: 0.9 });
    await all.pass(6);
    const { home, hear, answer } = await converse(all);
    await hear(4_500);
    expect(home.fake.requests).toEqual([]);
    expectWholeAnswer(await answer());
  });

  test("are nobody's new home while another is free", async () => {
    const all = await start(2);
    all.servers[0]?.fake.setMetrics({ waiting: 2 });
    await all.pass(6);
    for (let n = 0; n < 4; n += 1) await all.engine.open({});
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 4]);
  });

  test("refuse who is new, with a time to come back; who is there goes on", async () => {
    const all = await start(2);
    const { hear, answer } = await converse(all);
    for (const { fake } of all.servers) fake.setMetrics({ cacheUsage: 0.97 });
    await all.pass(6);
    expect(all.engine.status()).toMatchObject({ state: "ready", full: { retryAfterMs: 5_000 } });
    expect(replicasOf(all.engine).map(({ message }) => message?.slice(0, 26))).toEqual(Array(2).fill("takes no new conversations"));
    await expect(all.engine.open({})).rejects.toMatchObject({ code: "engine_busy", retryAfterMs: 5_000 });
    await hear(1_000);
    expectWholeAnswer(await answer());
    for (const { fake } of all.servers) fake.setMetrics({});
    await all.pass(6);
    expect(all.engine.status()).not.toHaveProperty("full");
    await expect(all.engine.open({})).resolves.toBeDefined();
  });

  test("have an answer made elsewhere when they refuse it, and keep the conversation", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000, 1);
    home.fake.setBusy(true);
    expectWholeAnswer(await answer());
    expect(other.fake.requests).toHaveLength(1);
    expect(all.moves).toEqual([]);
    home.fake.setBusy(false);
    home.fake.requests.length = 0;
    await hear(1_000, 2);
    expectWholeAnswer(await answer());
    expect(home.fake.requests.length).toBeGreaterThan(0);
  });

  test.each([
    ["endless", "vllm:num_requests_waiting 99\n".repeat(200_000)],
    ["one line without end", `vllm:num_requests_waiting{${"x".repeat(3_000_000)}`],
    ["no numbers", "vllm:num_requests_waiting{} many\nvllm:kv_cache_usage_perc NaN\n"],
    ["a page", "<html>"],
  ])("are not brought down by /metrics that are %s", async (_what, text) => {
    const all = await start(1);
    const { hear, answer } = await converse(all);
    all.servers[0]?.fake.setMetrics(text);
    await all.pass(6);
    await until(() => all.engine.status().state === "ready");
    await hear(2_500);
    expectWholeAnswer(await answer());
  });
});

describe("servers that differ", () => {
  test("in the model: the second is not used, and the status says so", async () => {
    const all = await start(2, { model: "tiny-audio" }, [{}, { model: "other" }]);
    expect(statesOf(all.engine)).toEqual(["ready", "failed"]);
    for (let n = 0; n < 4; n += 1) await all.engine.open({});
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([4, 0]);
  });

  test("from what is asked for: the engine fails, and says what there is", async () => {
    const { engine } = await start(2, { model: "other" });
    await until(() => engine.status().state === "failed");
    await expect(engine.open({})).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining("serves tiny-audio, not other"),
    });
  });

  test("in their context: the smallest is promised", async () => {
    const { engine } = await start(2, {}, [{ contextTokens: 4_096 }, { contextTokens: 2_048 }]);
    expect(engine.info.contextTokens).toBe(2_048);
  });

  test("in tools: what one promises and another lacks is said", async () => {
    const all = await start(2, {}, [{ takesTools: true }, { takesTools: true }]);
    const [first] = all.servers as [Server, Server];
    const port = Number(new URL(first.fake.url).port);
    await first.fake.kill();
    await all.pass(1);
    const { fake: back } = await startServer({ port, takesTools: false });
    await all.pass(3);
    await until(() => statesOf(all.engine)[0] === "failed");
    expect(back.requests.length).toBeGreaterThan(0);
    expect(all.engine.info).not.toHaveProperty("knownTools");
  });
});

test("closing ends every timer and every watch", async () => {
  const all = await start(3);
  await converse(all);
  await all.engine.close();
  for (let n = 0; n < 20; n += 1) await turn();
  expect(all.clock.pending()).toBe(0);
});

test.each([{}, { url: "http://a", urls: ["http://b"] }, { urls: [] }])("%j names no servers", (options) => {
  expect(() => openVllmEngine(options)).toThrow(/expected url or urls/u);
});
