/**
 * The VAD as the gateway sees it: any number of streams, each scored window by window. Behind it is one supervised worker;
 * when it dies, what waits fails with `vad_unavailable`, a new one starts, and the streams go on with a fresh state.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { AloudError } from "@aloud/client/protocol";
import { NO_TELEMETRY } from "@aloud/engine";
import type { Logger } from "../log.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

export interface Vad {
  open(): VadStream;
  /** Whether windows can be scored now; a worker that died is down until its successor has loaded. */
  state(): "up" | "down";
  /** Windows waiting for a score, over all streams. */
  waiting(): number;
  /** Workers that had to be started after the first. */
  restarts(): number;
  /** Calls `listener` for every window that was scored, with the ms from `score` to its score. One listener; another replaces it. */
  onScored(listener: (ms: number) => void): void;
  /** Ends every stream; what waits is rejected. Idempotent. */
  close(): Promise<void>;
}

export interface VadStream {
  /**
   * Speech probability, 0 to 1, of the stream's next 512 samples. The window is copied. Scores settle in the order of the calls.
   * @throws AloudError `vad_unavailable` while the worker is down, or when it died with this window
   */
  score(window: Float32Array): Promise<number>;
  close(): void;
}

/** Wait between a worker's death and its successor, in ms; doubled at each death in a row. */
const RESPAWN_MS = 200;
const MAX_RESPAWN_MS = 10_000;
/** The worker loads in about 300 ms; longer than this and something is wrong with the machine. */
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

interface Waiter {
  readonly sinceMs: number;
  resolve(probability: number): void;
  reject(error: AloudError): void;
}

const unavailable = (why: string) => new AloudError("vad_unavailable", `voice activity detection is not running: ${why}`);

class WorkerVad implements Vad {
  readonly #logger: Logger;
  readonly #streams = new Map<number, Waiter[]>();
  #nextStream = 1;
  #worker: { readonly state: "up"; readonly thread: Worker } | { readonly state: "down" } | { readonly state: "closed" } = {
    state: "down",
  };
  #restarts = 0;
  #onScored: (ms: number) => void = () => {};
  #respawnMs = RESPAWN_MS;
  #respawn: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Resolves once the model is loaded. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      // A thread's own environment is a copy that native code does not see.
      Object.assign(process.env, NO_TELEMETRY);
      const entry = createRequire(import.meta.url).resolve("@aloud/gateway/vad/worker");
      const thread = new Worker(entry, { name: "aloud-vad" });
      // A worker that nobody waits for must not keep the process alive.
      thread.unref();
      const late = setTimeout(() => {
        reject(unavailable(`it did not start within ${START_TIMEOUT_MS} ms`));
        // Never terminated: inside a run that would abort the whole process.
        thread.postMessage({ kind: "stop" } satisfies ToWorker);
      }, START_TIMEOUT_MS);
      let failure: unknown;
      thread.on("message", (message: FromWorker) => {
        if (message.kind === "ready") {
          clearTimeout(late);
          if (this.#worker.state === "closed") return thread.postMessage({ kind: "stop" } satisfies ToWorker);
          this.#worker = { state: "up", thread };
          resolve();
        } else this.#settle(message);
      });
      thread.on("error", (error) => {
        failure = error;
      });
      this.#ended = new Promise((ended) => {
        thread.on("exit", (code) => {
          clearTimeout(late);
          reject(unavailable("its thread ended while it started"));
          ended();
          this.#onExit(code, failure);
        });
      });
    });
  }

  open(): VadStream {
    const id = this.#nextStream++;
    this.#streams.set(id, []);
    return {
      score: (window) =>
        new Promise<number>((resolve, reject) => {
          const waiters = this.#streams.get(id);
          if (waiters === undefined) return reject(unavailable("this stream is closed"));
          if (this.#worker.state !== "up") return reject(unavailable("its worker is being restarted"));
          waiters.push({ sinceMs: performance.now(), resolve, reject });
          const copy = window.slice();
          this.#worker.thread.postMessage({ kind: "window", stream: id, window: copy } satisfies ToWorker, [copy.buffer]);
        }),
      close: () => {
        this.#failStream(id, "the stream was closed");
        this.#streams.delete(id);
        if (this.#worker.state === "up") this.#worker.thread.postMessage({ kind: "forget", stream: id } satisfies ToWorker);
      },
    };
  }

  state(): "up" | "down" {
    return this.#worker.state === "up" ? "up" : "down";
  }

  waiting(): number {
    let count = 0;
    for (const waiters of this.#streams.values()) count += waiters.length;
    return count;
  }

  restarts(): number {
    return this.#restarts;
  }

  onScored(listener: (ms: number) => void): void {
    this.#onScored = listener;
  }

  async close(): Promise<void> {
    if (this.#worker.state === "closed") return this.#ended;
    const worker = this.#worker;
    this.#worker = { state: "closed" };
    clearTimeout(this.#respawn);
    for (const id of this.#streams.keys()) this.#failStream(id, "it was closed");
    this.#streams.clear();
    if (worker.state === "down") return;
    worker.thread.postMessage({ kind: "stop" } satisfies ToWorker);
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      late = setTimeout(resolve, STOP_TIMEOUT_MS);
    });
    await Promise.race([this.#ended, timeout]);
    clearTimeout(late);
  }

  #settle({ streams, probabilities }: FromWorker & { kind: "scores" }): void {
    const nowMs = performance.now();
    streams.forEach((id, index) => {
      const waiter = this.#streams.get(id)?.shift();
      if (waiter === undefined) return;
      waiter.resolve(probabilities[index] ?? 0);
      this.#onScored(nowMs - waiter.sinceMs);
    });
  }

  #failStream(id: number, why: string): void {
    const waiters = this.#streams.get(id)?.splice(0) ?? [];
    for (const { reject } of waiters) reject(unavailable(why));
  }

  #onExit(code: number, failure: unknown): void {
    if (this.#worker.state === "closed") return;
    this.#logger.error({ code, err: failure }, "vad worker ended");
    this.#worker = { state: "down" };
    for (const id of this.#streams.keys()) this.#failStream(id, "its worker ended");
    this.#respawn = setTimeout(() => {
      this.#respawnMs = Math.min(this.#respawnMs * 2, MAX_RESPAWN_MS);
      this.#restarts += 1;
      this.start().then(
        () => {
          this.#respawnMs = RESPAWN_MS;
          this.#logger.info("vad worker restarted");
        },
        (error: unknown) => this.#logger.error({ err: error }, "vad worker did not start"),
      );
    }, this.#respawnMs);
    this.#respawn.unref();
  }
}

/** Starts the worker. @throws AloudError `vad_unavailable` when it does not come up */
export async function openVad(logger: Logger): Promise<Vad> {
  const vad = new WorkerVad(logger);
  try {
    await vad.start();
  } catch (error) {
    await vad.close();
    throw error;
  }
  return vad;
}
