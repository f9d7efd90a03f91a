/**
 * The embedded engine as the gateway sees it: the port on this side, a supervised child process on the other. When the child dies or stops
 * answering, what runs on it fails with `engine_unavailable`, a new child is started, and conversations are opened anew by whoever owns them.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Conversation, ConversationSetup, Engine, EngineInfo, EngineStatus } from "../engine.ts";
import { type EngineChild, type StartChild, startEngineChild } from "./child-process.ts";
import { HostConversation, type PendingCall } from "./host-conversation.ts";
import { readModelConfig } from "./model-config.ts";
import { modelName, NANO_DIR } from "./model-directory.ts";
import type { CallId, FromChild, ToChild } from "./port.ts";

export interface EmbeddedEngineOptions {
  /** A model directory in the transformers.js layout; default: nano, inside the package. */
  readonly modelDir?: string;
  /** Beyond it, `open` fails with `engine_busy`. Default 64. */
  readonly maxConversations?: number;
  /**
   * Tokens that a conversation may hold, where less than the model's context will do: each takes memory for every open conversation
   * (12 KB with nano; its audio takes 24 KB for each frame of 40 ms, but of the newest turn only). Default and most: the model's.
   */
  readonly contextTokens?: number;
  /** Starts the child, for tests. */
  readonly startChild?: StartChild;
  /** How often the child is asked whether it still works, in ms. Default 1,000. */
  readonly pingEveryMs?: number;
}

export interface EmbeddedEngine extends Engine {
  /** The process that holds the model; undefined while there is none. */
  readonly processId: number | undefined;
}

const DEFAULT_MAX_CONVERSATIONS = 64;
const PING_EVERY_MS = 1_000;
/** Pings without any sign of life after which a child is stuck. Its longest step is one encoder block, some 50 ms. */
const MAX_SILENT_PINGS = 4;
/** While it loads, a child may be busy with one large graph. */
const MAX_SILENT_PINGS_LOADING = 60;
/** Children in a row that end before they are loaded; then a person is needed. */
const MAX_FAILED_STARTS = 5;
/** Resident memory always moves a little; less than this is no news. */
const MEMORY_NEWS_BYTES = 16 * 2 ** 20;
const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 5_000;

/**
 * Opens the engine and starts to load the model; `open` waits for it. Never throws: what is wrong with the model is its status.
 * The caller closes it.
 */
export function openEmbeddedEngine(options: EmbeddedEngineOptions = {}): EmbeddedEngine {
  return new SupervisedEngine(options);
}

class SupervisedEngine implements EmbeddedEngine {
  readonly info: EngineInfo;
  readonly #modelDir: string;
  readonly #maxConversations: number;
  readonly #startChild: StartChild;
  readonly #listeners = new Set<(status: EngineStatus) => void>();
  readonly #conversations = new Set<HostConversation>();
  readonly #calls = new Map<CallId, PendingCall>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #status: EngineStatus = { state: "loading", progress: 0, message: "starting" };
  #child: EngineChild | undefined;
  #memoryBytes = 0;
  /** Pings since the last message; any message is a sign of life. */
  #silentPings = 0;
  /** Pongs in a row in which work waited and none was done. */
  #idlePongs = 0;
  #stepsDone = 0;
  #failedStarts = 0;
  #closing: Promise<void> | undefined;
  #nextCall = 0;
  #nextConversation = 0;
  #restartMs = FIRST_RESTART_MS;

  constructor({
    modelDir = NANO_DIR,
    maxConversations = DEFAULT_MAX_CONVERSATIONS,
    contextTokens = Number.POSITIVE_INFINITY,
    startChild = startEngineChild,
    pingEveryMs = PING_EVERY_MS,
  }: EmbeddedEngineOptions) {
    this.#modelDir = modelDir;
    this.#maxConversations = maxConversations;
    this.#startChild = startChild;
    const unknown: EngineInfo = { engine: "embedded", model: modelName(modelDir), channels: ["answer"], chunkMs: 0, contextTokens: 0 };
    try {
      const config = readModelConfig(modelDir);
      const chunkMs = (config.blockFrames * config.logMel.hopSamples * 1_000) / config.logMel.sampleRateHz;
      this.info = {
        ...unknown,
        model: config.name,
        channels: config.channels,
        chunkMs,
        contextTokens: Math.min(contextTokens, config.contextTokens),
        audioWindowMs: (config.maxCrossFrames / config.crossFramesPerBlock) * chunkMs,
        knownTools: config.tools.map((tool) => tool.name),
      };
    } catch (error) {
      this.info = unknown;
      this.#status = { state: "failed", error: AloudError.from(error) };
      return;
    }
    this.#every(pingEveryMs, () => this.#ping());
    this.#start();
  }

  get processId(): number | undefined {
    return this.#child?.processId;
  }

  status(): EngineStatus {
    return this.#status;
  }

  watch(listener: (status: EngineStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open(setup: ConversationSetup): Promise<Conversation> {
    await this.#untilLoaded();
    if (this.#conversations.size >= this.#maxConversations)
      throw new AloudError("engine_busy", `all ${this.#maxConversations} conversations of the engine are taken`);
    const id = this.#nextConversation++;
    const conversation = new HostConversation(id, {
      send: (message) => this.#child?.send(message),
      call: (message, pending) => this.#call(message, pending),
      onClosed: () => {
        this.#conversations.delete(conversation);
        this.#refresh();
      },
    });
    this.#conversations.add(conversation);
    this.#refresh();
    try {
      await new Promise((onDone, onFailed) =>
        this.#call((call) => ({ type: "open", conversation: id, call, setup }), { onDone, onFailed }),
      );
    } catch (error) {
      await conversation.close();
      throw error;
    }
    return conversation;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
    this.#setStatus({ state: "closed" });
    this.#failAll(new AloudError("engine_unavailable", "the engine is closed"));
    await child?.stop();
  }

  #start(): void {
    this.#setStatus({ state: "loading", progress: 0, message: "starting" });
    this.#silentPings = 0;
    this.#idlePongs = 0;
    const child: EngineChild = this.#startChild({
      // What a former child still says is not for us any more.
      onMessage: (message) => this.#child === child && this.#receive(message),
      onExit: (reason) => this.#child === child && this.#lost(reason),
    });
    this.#child = child;
    child.send({
      type: "load",
      modelDir: this.#modelDir,
      maxConversations: this.#maxConversations,
      contextTokens: this.info.contextTokens,
    });
  }

  #lost(reason: string): void {
    this.#child = undefined;
    const wasLoaded = this.#status.state === "ready";
    this.#failedStarts = wasLoaded ? 0 : this.#failedStarts + 1;
    if (this.#failedStarts >= MAX_FAILED_STARTS) {
      const message = `the engine's process ended ${MAX_FAILED_STARTS} times before the model was loaded (${reason})`;
      this.#setStatus({ state: "failed", error: new AloudError("engine_unavailable", message) });
      return;
    }
    this.#setStatus({ state: "loading", progress: 0, message: `restarting after ${reason}` });
    this.#failAll(new AloudError("engine_unavailable", `the engine's process ended (${reason}); it is started again`));
    this.#after(this.#restartMs, () => this.#start());
    this.#restartMs = Math.min(LAST_RESTART_MS, this.#restartMs * 2);
  }

  #failAll(error: AloudError): void {
    for (const call of [...this.#calls.values()]) call.onFailed(error);
    this.#calls.clear();
    for (const conversation of [...this.#conversations]) conversation.fail(error);
  }

  #call(message: (call: CallId) => ToChild, pending: PendingCall): CallId {
    const call = this.#nextCall++;
    if (this.#child === undefined) {
      pending.onFailed(new AloudError("engine_unavailable", "the engine's process is not running"));
      return call;
    }
    this.#calls.set(call, pending);
    this.#child.send(message(call));
    return call;
  }

  #receive(message: FromChild): void {
    this.#silentPings = 0;
    switch (message.type) {
      case "loading":
        this.#setStatus({ state: "loading", progress: message.progress, message: message.message });
        return;
      case "loaded":
        this.#memoryBytes = message.memoryBytes;
        this.#restartMs = FIRST_RESTART_MS;
        this.#setStatus(this.#ready(0));
        return;
      case "load-failed":
        // The same files would fail again: this needs a person.
        this.#giveUp(new AloudError(message.error.code, message.error.message));
        return;
      case "pong":
        this.#checkProgress(message);
        return;
      case "event":
        this.#calls.get(message.call)?.onEvent?.(message.event);
        return;
      case "done":
      case "failed":
        this.#settle(message);
        return;
      default:
        message satisfies never;
    }
  }

  #settle(message: Extract<FromChild, { type: "done" | "failed" }>): void {
    const pending = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.type === "done") pending?.onDone(message.value);
    else pending?.onFailed(new AloudError(message.error.code, message.error.message));
  }

  #giveUp(error: AloudError): void {
    const child = this.#child;
    this.#child = undefined;
    this.#setStatus({ state: "failed", error });
    void child?.stop();
  }

  /** Counted in pings, not in time, so that a pause of this process is not held against the child. */
  #ping(): void {
    const most = this.#status.state === "ready" ? MAX_SILENT_PINGS : MAX_SILENT_PINGS_LOADING;
    if (this.#silentPings >= most) this.#child?.kill();
    else this.#child?.send({ type: "ping" });
    this.#silentPings += 1;
  }

  /** A child may answer pings and yet get nothing done. */
  #checkProgress({ memoryBytes, waiting, stepsDone }: Extract<FromChild, { type: "pong" }>): void {
    this.#idlePongs = waiting > 0 && stepsDone === this.#stepsDone ? this.#idlePongs + 1 : 0;
    this.#stepsDone = stepsDone;
    if (this.#idlePongs >= MAX_SILENT_PINGS) this.#child?.kill();
    if (this.#status.state !== "ready") return;
    if (waiting === this.#status.waiting && Math.abs(memoryBytes - this.#memoryBytes) < MEMORY_NEWS_BYTES) return;
    this.#memoryBytes = memoryBytes;
    this.#setStatus(this.#ready(waiting));
  }

  #ready(waiting: number): EngineStatus {
    const devices = [{ id: "cpu", memoryBytes: this.#memoryBytes }];
    return { state: "ready", devices, conversations: this.#conversations.size, waiting };
  }

  #refresh(): void {
    if (this.#status.state === "ready") this.#setStatus(this.#ready(this.#status.waiting));
  }

  #setStatus(status: EngineStatus): void {
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }

  /** @throws what loading failed with, or `engine_unavailable` when the engine is closed */
  async #untilLoaded(): Promise<void> {
    let unwatch = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const check = (status: EngineStatus) => {
          if (status.state === "ready") resolve();
          else if (status.state === "failed") reject(status.error);
          else if (status.state === "closed") reject(new AloudError("engine_unavailable", "the engine is closed"));
        };
        unwatch = this.watch(check);
        check(this.#status);
      });
    } finally {
      unwatch();
    }
  }

  #every(ms: number, work: () => void): void {
    this.#timers.add(setInterval(work, ms).unref());
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}
