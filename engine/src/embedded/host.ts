/**
 * The embedded engine as the gateway sees it: the port on this side, one supervised child process for each device on the other (device.ts).
 * A conversation lives on one device until it ends. When that device's child dies, its conversations fail with `engine_unavailable` and those of
 * the other devices go on; whoever owns a failed one opens it anew, on any device that is ready.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Conversation, ConversationSetup, Engine, EngineInfo, EngineStatus } from "../engine.ts";
import { type StartChild, startEngineChild } from "./child-process.ts";
import { SupervisedDevice } from "./device.ts";
import { engineStatus, leastLoaded } from "./device-choice.ts";
import { readModelConfig } from "./model-config.ts";
import { modelName, NANO_DIR } from "./model-directory.ts";

export interface EmbeddedEngineOptions {
  /** A model directory in the transformers.js layout; default: nano, inside the package. */
  readonly modelDir?: string;
  /** Where the model runs: one child process each, as `deviceIds` names them. Default: `cpu`, one thread of the processor. */
  readonly devices?: readonly string[];
  /** Beyond it, on all devices together, `open` fails with `engine_busy`. Default 64. */
  readonly maxConversations?: number;
  /**
   * Tokens that a conversation may hold, where less than the model's context will do: each takes memory for every open conversation
   * (12 KB with nano; its audio takes 24 KB for each frame of 40 ms, and as much again for the scribe, but of the newest turn only).
   * Default and most: the model's.
   */
  readonly contextTokens?: number;
  /** Starts a child, for tests. */
  readonly startChild?: StartChild;
  /** How often a child is asked whether it still works, in ms. Default 1,000. */
  readonly pingEveryMs?: number;
}

export interface EmbeddedEngine extends Engine {
  /** The processes that hold the model, in the order of the devices; those that are just being restarted are left out. */
  readonly processIds: readonly number[];
}

const DEFAULT_MAX_CONVERSATIONS = 64;
const PING_EVERY_MS = 1_000;

/**
 * Opens the engine and starts to load the model; `open` waits for the first device that has it. Never throws: what is wrong with the model or
 * a device is its status. The caller closes it.
 */
export function openEmbeddedEngine(options: EmbeddedEngineOptions = {}): EmbeddedEngine {
  return new DevicePool(options);
}

class DevicePool implements EmbeddedEngine {
  readonly info: EngineInfo;
  readonly #maxConversations: number;
  readonly #listeners = new Set<(status: EngineStatus) => void>();
  #devices: readonly SupervisedDevice[] = [];
  #status: EngineStatus = { state: "loading", progress: 0, message: "starting" };
  #closing: Promise<void> | undefined;

  constructor({
    modelDir = NANO_DIR,
    devices = ["cpu"],
    maxConversations = DEFAULT_MAX_CONVERSATIONS,
    contextTokens = Number.POSITIVE_INFINITY,
    startChild = startEngineChild,
    pingEveryMs = PING_EVERY_MS,
  }: EmbeddedEngineOptions) {
    this.#maxConversations = maxConversations;
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
    const shared = { modelDir, maxConversations, contextTokens: this.info.contextTokens, startChild, pingEveryMs };
    this.#devices = devices.map((id) => new SupervisedDevice({ ...shared, id, onChange: () => this.#refresh() }));
    this.#refresh();
  }

  get processIds(): readonly number[] {
    return this.#devices.flatMap(({ processId }) => processId ?? []);
  }

  status(): EngineStatus {
    return this.#status;
  }

  watch(listener: (status: EngineStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open(setup: ConversationSetup): Promise<Conversation> {
    await this.#untilReady();
    const taken = this.#devices.reduce((sum, { conversations }) => sum + conversations, 0);
    if (taken >= this.#maxConversations)
      throw new AloudError("engine_busy", `all ${this.#maxConversations} conversations of the engine are taken`);
    const device = leastLoaded(this.#devices);
    if (device === undefined) throw new AloudError("engine_unavailable", "the engine's process is not running");
    return device.open(setup);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#setStatus({ state: "closed" });
    await Promise.all(this.#devices.map((device) => device.close()));
  }

  #refresh(): void {
    if (this.#status.state !== "closed") this.#setStatus(engineStatus(this.#devices));
  }

  #setStatus(status: EngineStatus): void {
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }

  /** @throws what loading failed with, or `engine_unavailable` when the engine is closed */
  async #untilReady(): Promise<void> {
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
}
