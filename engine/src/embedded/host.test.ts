import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { EngineStatus, GenerateEvent, GenerateRequest } from "../engine.ts";
import type { ChildHandlers, EngineChild } from "./child-process.ts";
import { type EmbeddedEngine, openEmbeddedEngine } from "./host.ts";
import type { FromChild, ToChild } from "./port.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 9, maxAnswerTokens: 9 };
const NEVER = new AbortController().signal;
const LOADED: Extract<FromChild, { type: "loaded" }> = { type: "loaded", memoryBytes: 1_000 };

/** A child that does what the test says. */
class FakeChild implements EngineChild {
  readonly processId = 4_711;
  readonly sent: ToChild[] = [];
  readonly #handlers: ChildHandlers;
  killed = false;

  readonly #onDevice: (device: string, child: FakeChild) => void;
  constructor(handlers: ChildHandlers, onDevice: (device: string, child: FakeChild) => void = () => {}) {
    this.#handlers = handlers;
    this.#onDevice = onDevice;
  }
  send(message: ToChild): void {
    this.sent.push(message);
    if (message.type === "load") this.#onDevice(message.device, this);
    if (message.type === "open") this.say({ type: "done", call: message.call, value: undefined });
  }
  say(message: FromChild): void {
    this.#handlers.onMessage(message);
  }
  exit(reason: string): void {
    this.#handlers.onExit(reason);
  }
  kill(): void {
    this.killed = true;
    this.exit("SIGKILL");
  }
  stop(): Promise<void> {
    this.exit("exit code 0");
    return Promise.resolve();
  }
}

let children: FakeChild[];
let engine: EmbeddedEngine;
let statuses: EngineStatus[];
beforeEach(() => {
  vi.useFakeTimers();
  children = [];
  engine = openEmbeddedEngine({
    startChild: (handlers) => {
      const child = new FakeChild(handlers);
      children.push(child);
      return child;
    },
  });
  statuses = [];
  engine.watch((status) => statuses.push(status));
});
afterEach(async () => {
  await engine.close();
  vi.useRealTimers();
});

function child(): FakeChild {
  const last = children.at(-1);
  if (last === undefined) throw new Error("no child was started");
  return last;
}
const pong = (stepsDone: number, waiting = 0): FromChild => ({ type: "pong", memoryBytes: 1_000, waiting, stepsDone });

test("knows the model before it is loaded", () => {
  expect(engine.info).toMatchObject({ engine: "embedded", model: "nano", chunkMs: 480, contextTokens: 1024 });
});

test("a model that is not there is a failed engine, not an exception", async () => {
  const absent = openEmbeddedEngine({ modelDir: "/nowhere/absent" });
  expect(absent.status()).toMatchObject({ state: "failed", error: { code: "model_file_missing" } });
  await expect(absent.open({})).rejects.toMatchObject({ code: "model_file_missing" });
  await absent.close();
});

describe("loading", () => {
  test("is reported, and open() waits for it", async () => {
    const opened = engine.open({});
    child().say({ type: "loading", progress: 0.5, message: "loading the decoder" });
    child().say(LOADED);
    await opened;
    expect(statuses.map(({ state }) => state)).toEqual(["loading", "ready", "ready"]);
    expect(engine.status()).toEqual({
      state: "ready",
      devices: [{ id: "cpu", state: "ready", memoryBytes: 1_000, conversations: 1, losses: 0 }],
      conversations: 1,
      waiting: 0,
    });
  });

  test("that fails because of the model is final: nothing is restarted", async () => {
    const opened = engine.open({});
    child().say({ type: "load-failed", error: { code: "model_file_damaged", message: "as scripted" } });
    await expect(opened).rejects.toMatchObject({ code: "model_file_damaged" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(children).toHaveLength(1);
  });

  test("that kills its process is tried five times, ever later", async () => {
    const opened = expect(engine.open({})).rejects.toMatchObject({ code: "engine_unavailable" });
    for (let n = 0; n < 5; n++) {
      child().exit("SIGSEGV");
      await vi.advanceTimersByTimeAsync(5_000);
    }
    await opened;
    expect(children).toHaveLength(5);
    // It never was there, so nothing was lost.
    const devices = [{ id: "cpu", state: "failed", losses: 0 }];
    expect(engine.status()).toMatchObject({ state: "failed", error: { message: expect.stringContaining("SIGSEGV") }, devices });
  });
});

describe("a child that dies", () => {
  test("fails what runs on it with engine_unavailable, and the next one serves", async () => {
    child().say(LOADED);
    const conversation = await engine.open({});
    const appended = conversation.append({ type: "text", role: "user", text: "hello" });
    const answered = conversation.generate(REQUEST, NEVER)[Symbol.asyncIterator]().next();
    child().exit("SIGKILL");
    await expect(appended).rejects.toMatchObject({ code: "engine_unavailable", retryable: true });
    await expect(answered).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(() => conversation.checkpoint()).toThrow(expect.objectContaining({ code: "engine_unavailable" }));
    expect(engine.status()).toMatchObject({ state: "loading" });
    const opened = engine.open({});
    await vi.advanceTimersByTimeAsync(100);
    child().say(LOADED);
    await opened;
    expect(children).toHaveLength(2);
    expect(engine.status()).toMatchObject({ state: "ready", conversations: 1, devices: [{ losses: 1 }] });
  });

  test("has no say any more, should a message of it come late", async () => {
    const first = child();
    first.say(LOADED);
    first.exit("SIGKILL");
    first.say(LOADED);
    expect(engine.status()).toMatchObject({ state: "loading" });
  });
});

describe("a child that is stuck", () => {
  test("is killed when it leaves four pings unanswered", async () => {
    child().say(LOADED);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(children[0]?.killed).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(children[0]?.killed).toBe(true);
  });

  test("is killed when it answers pings but does no step of the work that waits", async () => {
    child().say(LOADED);
    child().say(pong(7, 2));
    for (let n = 0; n < 4; n++) child().say(pong(7, 2));
    expect(children[0]?.killed).toBe(true);
  });

  test("is left alone while it answers and works, and while it loads", async () => {
    await vi.advanceTimersByTimeAsync(30_000);
    child().say(LOADED);
    for (let n = 0; n < 20; n++) {
      await vi.advanceTimersByTimeAsync(1_000);
      child().say(pong(n, 2));
    }
    expect(children).toHaveLength(1);
    expect(children[0]?.killed).toBe(false);
  });
});

describe("a conversation", () => {
  async function opened() {
    child().say(LOADED);
    return engine.open({});
  }

  test("refuses audio beyond 120 s that the child has not taken in, and takes it again afterwards", async () => {
    const conversation = await opened();
    const minute = { type: "audio", samples: new Float32Array(60 * 16_000) } as const;
    const first = conversation.append(minute);
    const second = conversation.append(minute);
    await expect(conversation.append({ type: "audio", samples: new Float32Array(1) })).rejects.toMatchObject({ code: "engine_busy" });
    for (const message of child().sent)
      if (message.type === "append") child().say({ type: "done", call: message.call, value: { tokens: 1 } });
    await Promise.all([first, second]);
    const third = conversation.append(minute);
    const last = child().sent.at(-1);
    if (last?.type === "append") child().say({ type: "done", call: last.call, value: { tokens: 2 } });
    expect(await third).toEqual({ tokens: 2 });
  });

  test("passes an abort on, and a break, too", async () => {
    const conversation = await opened();
    const abort = new AbortController();
    conversation.generate(REQUEST, abort.signal);
    abort.abort();
    expect(child().sent.map(({ type }) => type)).toEqual(["load", "open", "generate", "abort"]);
    const event: GenerateEvent = { type: "delta", channel: "answer", text: "a", tokens: 1 };
    const reading = (async () => {
      for await (const _ of conversation.generate(REQUEST, NEVER)) break;
    })();
    const call = child().sent.at(-1);
    if (call?.type !== "generate") throw new Error("expected a generate");
    child().say({ type: "event", call: call.call, event });
    await vi.waitFor(() => expect(child().sent.at(-1)).toEqual({ type: "abort", call: call.call }));
    child().say({ type: "done", call: call.call, value: undefined });
    await reading;
  });

  test("beyond maxConversations is refused", async () => {
    const small = openEmbeddedEngine({ maxConversations: 1, startChild: (handlers) => new FakeChild(handlers) });
    const waiting = [small.open({}), small.open({})];
    await small.close();
    for (const open of waiting) await expect(open).rejects.toMatchObject({ code: "engine_unavailable" });
    child().say(LOADED);
    for (let n = 0; n < 64; n++) await engine.open({});
    await expect(engine.open({})).rejects.toMatchObject({ code: "engine_busy" });
  });
});

describe("several devices", () => {
  let pool: EmbeddedEngine;
  let byDevice: Map<string, FakeChild>;
  beforeEach(() => {
    byDevice = new Map();
    pool = openEmbeddedEngine({
      devices: ["cpu", "cuda:0", "cuda:1"],
      maxConversations: 4,
      startChild: (handlers) => new FakeChild(handlers, (device, fake) => byDevice.set(device, fake)),
    });
  });
  afterEach(() => pool.close());
  const on = (device: string): FakeChild => {
    const fake = byDevice.get(device);
    if (fake === undefined) throw new Error(`no child was started for ${device}`);
    return fake;
  };
  const counts = () => {
    const status = pool.status();
    return status.state === "ready" ? status.devices.map(({ conversations }) => conversations) : undefined;
  };
  const NO_PROVIDER: FromChild = { type: "load-failed", error: { code: "engine_unavailable", message: "cuda:0: install the provider" } };

  test("one that is ready makes the engine ready, while the others load", async () => {
    const opened = pool.open({});
    on("cpu").say({ type: "loading", progress: 0.2, message: "checking files" });
    on("cuda:1").say({ type: "loading", progress: 0.6, message: "loading the decoder" });
    expect(pool.status()).toMatchObject({ state: "loading", progress: 0.6, message: "loading the decoder" });
    on("cuda:1").say(LOADED);
    await opened;
    expect(pool.status()).toMatchObject({
      state: "ready",
      devices: [
        { id: "cpu", state: "loading", message: "checking files" },
        { id: "cuda:0", state: "loading" },
        { id: "cuda:1", state: "ready", conversations: 1 },
      ],
    });
  });

  test("share conversations evenly, and refuse more than the engine takes in all", async () => {
    for (const fake of byDevice.values()) fake.say(LOADED);
    const [first] = await Promise.all([pool.open({}), pool.open({}), pool.open({}), pool.open({})]);
    expect(counts()).toEqual([2, 1, 1]);
    await expect(pool.open({})).rejects.toMatchObject({ code: "engine_busy" });
    await first?.close();
    await pool.open({});
    expect(counts()).toEqual([2, 1, 1]);
  });

  test("one that dies fails its own conversations only, and they are opened anew on another", async () => {
    for (const fake of byDevice.values()) fake.say(LOADED);
    const [, onGpu, spared] = [await pool.open({}), await pool.open({}), await pool.open({})];
    const lost = onGpu.append({ type: "text", role: "user", text: "hello" });
    on("cuda:0").exit("SIGKILL");
    await expect(lost).rejects.toMatchObject({ code: "engine_unavailable", retryable: true });
    expect(() => spared.checkpoint()).not.toThrow();
    await pool.open({});
    expect(pool.status()).toMatchObject({
      state: "ready",
      devices: [{ conversations: 2 }, { id: "cuda:0", state: "loading", message: "restarting after SIGKILL" }, { conversations: 1 }],
    });
    await vi.advanceTimersByTimeAsync(100);
    on("cuda:0").say(LOADED);
    await pool.open({});
    expect(counts()).toEqual([2, 1, 1]);
  });

  test("one that cannot be used is said so for good, and the others serve", async () => {
    on("cuda:0").say(NO_PROVIDER);
    on("cpu").say(LOADED);
    await vi.advanceTimersByTimeAsync(3_000);
    await pool.open({});
    expect(pool.status()).toMatchObject({
      state: "ready",
      devices: [
        { id: "cpu", conversations: 1 },
        { id: "cuda:0", state: "failed", message: "cuda:0: install the provider" },
        { id: "cuda:1" },
      ],
    });
  });

  test("are a failed engine only when all have failed, and each says why", async () => {
    const opened = expect(pool.open({})).rejects.toMatchObject({ message: expect.stringMatching(/no room.*install the provider/) });
    on("cpu").say({ type: "load-failed", error: { code: "model_invalid", message: "no room" } });
    on("cuda:0").say(NO_PROVIDER);
    expect(pool.status()).toMatchObject({ state: "loading" });
    on("cuda:1").say(NO_PROVIDER);
    await opened;
    expect(pool.status()).toMatchObject({ state: "failed" });
  });

  test("tell what they leave to the processor, and the longest queue", () => {
    on("cpu").say(LOADED);
    on("cuda:0").say({ ...LOADED, note: "50 of 300 operations run on the processor" });
    on("cpu").say(pong(1, 1));
    on("cuda:0").say(pong(1, 3));
    expect(pool.status()).toMatchObject({ waiting: 3, devices: [{}, { message: "50 of 300 operations run on the processor" }, {}] });
  });
});

test("close() stops the child, once, and says so", async () => {
  child().say(LOADED);
  await Promise.all([engine.close(), engine.close()]);
  expect(engine.status()).toEqual({ state: "closed" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(children).toHaveLength(1);
});
