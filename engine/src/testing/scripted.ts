/**
 * An engine without a model: a script says what it answers, the test says when.
 *
 * ```ts
 * const engine = openScriptedEngine({
 *   answer: (turn) => [
 *     { transcript: "turn on the lights" },
 *     { channel: "semantic", text: "The speaker wants light." },
 *     { channel: "answer", text: turn.text === "" ? "Lights " : "You wrote " },
 *     { channel: "answer", text: "on." },
 *   ],
 *   pace: "stepped",
 * });
 * const conversation = await engine.open({});
 * await conversation.append({ type: "audio", samples });
 * const events = conversation.generate(request, signal); // nothing comes yet
 * engine.release(2);                                      // the transcript and the first thought
 * engine.release();                                       // one more
 * engine.releaseAll();                                    // the rest, and everything from now on
 * ```
 *
 * A step may also be a tool call (`{ type: "tool_call", name, arguments }`; `turn.tools` and `turn.toolResults` say what there is to answer),
 * `{ end: reason }`, `"stall"`, `"crash"` or `{ fail: error }`. `crash()` does at any time what a dying child process does:
 * every conversation fails with `engine_unavailable`, and new ones can be opened at once (or after `finishLoading()` when
 * `stopLoading` was called before). Without `answer`, it says what it heard. Tokens: a word of text is one, a chunk of audio
 * is `TOKENS_PER_CHUNK`.
 */
import { AloudError } from "@aloud/client/protocol";
import { type ConversationSetup, type Engine, type EngineInfo, type EngineStatus, type Prefilled, SAMPLE_RATE_HZ } from "../engine.ts";
import { ScriptedConversation, type ScriptedHost, type ScriptedStep, type ScriptedTurn } from "./scripted-conversation.ts";

export type { ScriptedStep, ScriptedTurn } from "./scripted-conversation.ts";

export const TOKENS_PER_CHUNK = 6;

export interface ScriptedOptions {
  readonly answer?: (turn: ScriptedTurn) => readonly ScriptedStep[];
  /** Adds a live transcript or an end-of-turn score to what `append` resolves with. */
  readonly prefilled?: (turn: ScriptedTurn) => Omit<Prefilled, "tokens">;
  /** `free` (default): steps go as fast as they are read. `stepped`: each waits for `release`. */
  readonly pace?: "free" | "stepped";
  /** Starts in state `loading` until `finishLoading` or `failLoading`. */
  readonly loading?: boolean;
  readonly info?: Partial<EngineInfo>;
  /** Beyond it `open` fails with `engine_busy`. Default 64. */
  readonly maxConversations?: number;
}

export interface ScriptedEngine extends Engine {
  /** Lets `steps` more steps go (default 1), over all conversations, first come first served. */
  release(steps?: number): void;
  /** Lets everything go from now on. */
  releaseAll(): void;
  /** Back to `loading`, with a progress from 0 to 1. Conversations live on. */
  startLoading(progress: number, message?: string): void;
  finishLoading(): void;
  /** Every waiting and later `open` rejects with `error`. */
  failLoading(error: AloudError): void;
  /** Fails every conversation and call with `engine_unavailable`. */
  crash(): void;
  /** Conversations that are open. */
  readonly openConversations: number;
}

export function openScriptedEngine(options: ScriptedOptions = {}): ScriptedEngine {
  const info: EngineInfo = {
    engine: "scripted",
    model: "scripted",
    channels: ["semantic", "acoustic", "answer"],
    chunkMs: 480,
    contextTokens: 1024,
    ...options.info,
  };
  const conversations = new Set<ScriptedConversation>();
  const listeners = new Set<(status: EngineStatus) => void>();
  const openers = new Set<() => void>();
  const waiters: (() => void)[] = [];
  let credit = options.pace === "stepped" ? 0 : Number.POSITIVE_INFINITY;
  let phase: EngineStatus = options.loading === true ? { state: "loading", progress: 0, message: "loading" } : ready();

  function ready(): EngineStatus {
    const devices = [{ id: "cpu", state: "ready", memoryBytes: 0, conversations: conversations.size }] as const;
    return { state: "ready", devices, conversations: conversations.size, waiting: waiters.length };
  }
  function setPhase(next: EngineStatus): void {
    phase = next;
    for (const listener of listeners) listener(next);
    if (next.state === "loading") return;
    for (const opener of openers) opener();
    openers.clear();
  }
  function refresh(): void {
    if (phase.state === "ready") setPhase(ready());
  }
  function crash(): void {
    for (const conversation of [...conversations]) conversation.fail(new AloudError("engine_unavailable", "the scripted engine crashed"));
    refresh();
  }

  const host: ScriptedHost = {
    chunkSamples: (info.chunkMs * SAMPLE_RATE_HZ) / 1000,
    tokensPerChunk: TOKENS_PER_CHUNK,
    contextTokens: info.contextTokens,
    answer: options.answer ?? sayWhatWasHeard,
    prefilled: (turn, tokens) => ({ tokens, ...options.prefilled?.(turn) }),
    nextStep: async (signal) => {
      // An abort that was already asked for comes before the step.
      await Promise.resolve();
      if (signal.aborted) return;
      if (credit > 0) {
        credit--;
        return;
      }
      await new Promise<void>((resolve) => {
        const go = (): void => {
          const place = waiters.indexOf(go);
          if (place >= 0) waiters.splice(place, 1);
          signal.removeEventListener("abort", go);
          resolve();
        };
        waiters.push(go);
        signal.addEventListener("abort", go, { once: true });
      });
    },
    crash,
    closed: (conversation) => {
      conversations.delete(conversation);
      refresh();
    },
  };

  return {
    info,
    status: () => phase,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async open(setup: ConversationSetup) {
      while (phase.state === "loading") await new Promise<void>((resolve) => openers.add(resolve));
      if (phase.state === "failed") throw phase.error;
      if (phase.state === "closed") throw new AloudError("engine_unavailable", "the engine is closed");
      const most = options.maxConversations ?? 64;
      if (conversations.size >= most) throw new AloudError("engine_busy", `all ${most} conversations are taken`);
      const conversation = new ScriptedConversation(host, setup);
      conversations.add(conversation);
      refresh();
      return conversation;
    },
    async close() {
      if (phase.state === "closed") return;
      crash();
      setPhase({ state: "closed" });
    },
    release(steps = 1) {
      for (let n = 0; n < steps; n++) {
        const go = waiters[0];
        if (go === undefined) credit++;
        else go();
      }
    },
    releaseAll() {
      credit = Number.POSITIVE_INFINITY;
      while (waiters[0] !== undefined) waiters[0]();
    },
    startLoading: (progress, message = "loading") => setPhase({ state: "loading", progress, message }),
    finishLoading: () => setPhase(ready()),
    failLoading: (error) => setPhase({ state: "failed", error }),
    crash,
    get openConversations() {
      return conversations.size;
    },
  };
}

function sayWhatWasHeard(turn: ScriptedTurn): readonly ScriptedStep[] {
  if (turn.toolResults.length > 0) return [{ channel: "answer", text: `The tool says ${turn.toolResults.join(", ")}.` }];
  const heard = turn.text === "" ? `${turn.audioSamples} samples, fingerprint ${turn.audioFingerprint}` : turn.text;
  return [
    { channel: "semantic", text: `The speaker says "${heard}".` },
    { channel: "acoustic", text: "The voice is scripted." },
    { channel: "answer", text: `Turn ${turn.index}: ` },
    { channel: "answer", text: "I heard " },
    ...heard.split(" ").map((word) => ({ channel: "answer", text: `${word} ` }) as const),
  ];
}
