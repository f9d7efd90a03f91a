/**
 * One device and the supervised child process that holds the model on it. When the child dies or stops answering, what runs on it fails with
 * `engine_unavailable` and a new child is started; a device whose model cannot be loaded has failed for good.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Conversation, ConversationSetup } from "../engine.ts";
import type { EngineChild, StartChild } from "./child-process.ts";
import { HostConversation, type PendingCall } from "./host-conversation.ts";
import type { CallId, FromChild, ToChild } from "./port.ts";

export interface SupervisedDeviceOptions {
  /** `cpu`, `cpu:1`, `cuda:0`, … */
  readonly id: string;
  readonly modelDir: string;
  readonly maxConversations: number;
  readonly contextTokens: number;
  readonly startChild: StartChild;
  readonly pingEveryMs: number;
  /** Called after every change of `state` or `conversations`. */
  readonly onChange: () => void;
}

export type DeviceState =
  | { readonly state: "loading"; readonly progress: number; readonly message: string }
  /** `waiting`: steps of work in the child's queue. `note`: what whoever runs the engine should know of it. */
  | { readonly state: "ready"; readonly memoryBytes: number; readonly waiting: number; readonly note?: string }
  | { readonly state: "failed"; readonly error: AloudError }
  | { readonly state: "closed" };

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

/** Starts its child at once. The caller closes it. */
export class SupervisedDevice {
  readonly id: string;
  readonly #options: SupervisedDeviceOptions;
  readonly #conversations = new Set<HostConversation>();
  readonly #calls = new Map<CallId, PendingCall>();
  readonly #pings: NodeJS.Timeout;
  #restart: NodeJS.Timeout | undefined;
  #state: DeviceState = { state: "loading", progress: 0, message: "starting" };
  #child: EngineChild | undefined;
  /** Pings since the last message; any message is a sign of life. */
  #silentPings = 0;
  /** Pongs in a row in which work waited and none was done. */
  #idlePongs = 0;
  #stepsDone = 0;
  #failedStarts = 0;
  #losses = 0;
  #nextCall = 0;
  #nextConversation = 0;
  #restartMs = FIRST_RESTART_MS;

  constructor(options: SupervisedDeviceOptions) {
    this.id = options.id;
    this.#options = options;
    this.#pings = setInterval(() => this.#ping(), options.pingEveryMs).unref();
    this.#start();
  }

  /** Of the child; undefined while there is none. */
  get processId(): number | undefined {
    return this.#child?.processId;
  }

  get state(): DeviceState {
    return this.#state;
  }

  get conversations(): number {
    return this.#conversations.size;
  }

  /** Children that ended after they had loaded. */
  get losses(): number {
    return this.#losses;
  }

  /** @throws AloudError what the child refused it with, or `engine_unavailable` when there is no child */
  async open(setup: ConversationSetup): Promise<Conversation> {
    const id = this.#nextConversation++;
    const conversation = new HostConversation(id, {
      send: (message) => this.#child?.send(message),
      call: (message, pending) => this.#call(message, pending),
      onClosed: () => {
        this.#conversations.delete(conversation);
        this.#options.onChange();
      },
    });
    this.#conversations.add(conversation);
    this.#options.onChange();
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

  /** Resolves when the child is gone. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    clearInterval(this.#pings);
    clearTimeout(this.#restart);
    this.#setState({ state: "closed" });
    this.#failAll(new AloudError("engine_unavailable", "the engine is closed"));
    await child?.stop();
  }

  #start(): void {
    this.#silentPings = 0;
    this.#idlePongs = 0;
    const child: EngineChild = this.#options.startChild({
      // What a former child still says is not for us any more.
      onMessage: (message) => this.#child === child && this.#receive(message),
      onExit: (reason) => this.#child === child && this.#lost(reason),
    });
    this.#child = child;
    const { modelDir, maxConversations, contextTokens } = this.#options;
    child.send({ type: "load", device: this.id, modelDir, maxConversations, contextTokens });
  }

  #lost(reason: string): void {
    this.#child = undefined;
    const wasLoaded = this.#state.state === "ready";
    this.#failedStarts = wasLoaded ? 0 : this.#failedStarts + 1;
    if (wasLoaded) this.#losses += 1;
    if (this.#failedStarts >= MAX_FAILED_STARTS) {
      const message = `the engine's process ended ${MAX_FAILED_STARTS} times before the model was loaded (${reason})`;
      this.#setState({ state: "failed", error: new AloudError("engine_unavailable", message) });
      return;
    }
    this.#setState({ state: "loading", progress: 0, message: `restarting after ${reason}` });
    this.#failAll(new AloudError("engine_unavailable", `the engine's process ended (${reason}); it is started again`));
    this.#restart = setTimeout(() => this.#start(), this.#restartMs);
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
        this.#setState({ state: "loading", progress: message.progress, message: message.message });
        return;
      case "loaded": {
        const { memoryBytes, note } = message;
        this.#restartMs = FIRST_RESTART_MS;
        this.#setState({ state: "ready", memoryBytes, waiting: 0, ...(note !== undefined && { note }) });
        return;
      }
      case "load-failed":
        // The same files on the same device would fail again: this needs a person.
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
    this.#setState({ state: "failed", error });
    void child?.stop();
  }

  /** Counted in pings, not in time, so that a pause of this process is not held against the child. */
  #ping(): void {
    const most = this.#state.state === "ready" ? MAX_SILENT_PINGS : MAX_SILENT_PINGS_LOADING;
    if (this.#silentPings >= most) this.#child?.kill();
    else this.#child?.send({ type: "ping" });
    this.#silentPings += 1;
  }

  /** A child may answer pings and yet get nothing done. */
  #checkProgress({ memoryBytes, waiting, stepsDone }: Extract<FromChild, { type: "pong" }>): void {
    this.#idlePongs = waiting > 0 && stepsDone === this.#stepsDone ? this.#idlePongs + 1 : 0;
    this.#stepsDone = stepsDone;
    if (this.#idlePongs >= MAX_SILENT_PINGS) this.#child?.kill();
    const now = this.#state;
    if (now.state !== "ready") return;
    if (waiting === now.waiting && Math.abs(memoryBytes - now.memoryBytes) < MEMORY_NEWS_BYTES) return;
    this.#setState({ ...now, memoryBytes, waiting });
  }

  #setState(state: DeviceState): void {
    this.#state = state;
    this.#options.onChange();
  }
}
