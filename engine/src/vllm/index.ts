/**
 * The engine that talks to a vLLM server, unmodified and somewhere else: Step-Audio-R1 and its relatives behind the same port.
 *
 * ```ts
 * const engine = openVllmEngine({ url: "http://127.0.0.1:8000", model: "Step-Audio-R1" });
 * ```
 * Loading is waiting for the server: it refuses connections until its model is there.
 */
import { randomUUID } from "node:crypto";
import { AloudError } from "@aloud/client/protocol";
import type { Engine, EngineInfo, EngineStatus } from "../engine.ts";
import { type PromptReport, VllmConversation, type VllmHost } from "./conversation.ts";
import { profileFor, type VllmProfile } from "./profiles.ts";
import { ServerRefusal, VllmServer } from "./server.ts";

export type { PromptReport } from "./conversation.ts";
export { PROFILES, type VllmProfile } from "./profiles.ts";
export { readStepAudioTemplate } from "./templates.ts";

export interface VllmOptions {
  /** Of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly apiKey?: string;
  /** The served name. Absent: the first that the server names. */
  readonly model?: string;
  /** Default: by the model's name. */
  readonly profile?: VllmProfile;
  /** Default: the profile's. */
  readonly temperature?: number;
  /** Conversations with different salts share nothing of the server's cache. */
  readonly cacheSalt?: string;
  /** Default 64. Beyond it `open` fails with `engine_busy`. */
  readonly maxConversations?: number;
  /** Between looks for a server that is not there yet. Default 1 s. */
  readonly retryMs?: number;
  /** Called after every answer. */
  readonly onPrompt?: (report: PromptReport) => void;
}

/** Until the server says otherwise. */
const ASSUMED_CONTEXT_TOKENS = 16_384;
/** Counts of texts that are remembered: instructions and tool declarations come again and again. */
const MAX_COUNTS = 512;

interface Found {
  readonly model: string;
  readonly contextTokens: number;
  readonly profile: VllmProfile;
  readonly takesTools: boolean;
}

export function openVllmEngine(options: VllmOptions): Engine {
  const server = new VllmServer(options);
  const conversations = new Set<VllmConversation>();
  const listeners = new Set<(status: EngineStatus) => void>();
  const openers = new Set<() => void>();
  const counts = new Map<string, number>();
  let found: Found | undefined;
  let timer: NodeJS.Timeout | undefined;
  let phase: EngineStatus = { state: "loading", progress: 0, message: `waiting for the vLLM server ${server.url}` };

  function ready(): EngineStatus {
    return { state: "ready", devices: [], conversations: conversations.size, waiting: 0 };
  }
  function setPhase(next: EngineStatus): void {
    if (phase.state === "closed") return;
    phase = next;
    for (const listener of listeners) listener(next);
    if (next.state === "loading") return;
    for (const opener of openers) opener();
    openers.clear();
  }
  const refresh = () => {
    if (phase.state === "ready") setPhase(ready());
  };

  async function look(): Promise<Found> {
    const models = await server.models();
    const served = models.find(({ id }) => options.model === undefined || id === options.model);
    if (served === undefined) {
      const names = models.map(({ id }) => id).join(", ");
      throw new AloudError("model_invalid", `the vLLM server ${server.url} serves ${names || "nothing"}, not ${options.model}`);
    }
    return {
      model: served.id,
      contextTokens: served.contextTokens ?? ASSUMED_CONTEXT_TOKENS,
      profile: options.profile ?? profileFor(served.id),
      takesTools: await server.takesTools(served.id),
    };
  }

  async function connect(): Promise<void> {
    try {
      found = await look();
      setPhase(ready());
    } catch (error) {
      if (phase.state === "closed") return;
      if (error instanceof ServerRefusal && (error.kind === "gone" || error.kind === "busy")) {
        timer = setTimeout(() => void connect(), options.retryMs ?? 1_000);
      } else if (error instanceof ServerRefusal) setPhase({ state: "failed", error: error.toAloudError(server.url) });
      else setPhase({ state: "failed", error: toFailure(error) });
    }
  }
  void connect();

  function endAll(error: AloudError): void {
    for (const conversation of [...conversations]) conversation.fail(error);
  }

  async function countTokens(model: string, text: string): Promise<number> {
    if (text === "") return 0;
    const known = counts.get(text);
    if (known !== undefined) return known;
    // Bytes by three is more than any tokenizer needs for the languages that it was made for.
    const count = (await server.countTokens(model, text)) ?? Math.ceil(Buffer.byteLength(text) / 3);
    if (counts.size >= MAX_COUNTS) counts.delete(counts.keys().next().value ?? "");
    counts.set(text, count);
    return count;
  }

  function hostOf({ model, contextTokens, profile, takesTools }: Found): VllmHost {
    return {
      server,
      model,
      profile,
      contextTokens,
      takesTools,
      temperature: options.temperature ?? profile.temperature,
      cacheSalt: options.cacheSalt,
      sessionId: randomUUID(),
      countTokens: (text) => countTokens(model, text),
      report: (report) => options.onPrompt?.(report),
      lost(error) {
        if (phase.state !== "ready") return;
        setPhase({ state: "loading", progress: 0, message: `the vLLM server ${server.url} is gone; waiting for it` });
        endAll(error);
        timer = setTimeout(() => void connect(), options.retryMs ?? 1_000);
      },
      closed(conversation) {
        conversations.delete(conversation);
        refresh();
      },
    };
  }

  return {
    get info(): EngineInfo {
      const profile = found?.profile ?? options.profile ?? profileFor(options.model ?? "");
      return {
        engine: "vllm",
        model: found?.model ?? options.model ?? "unknown",
        channels: profile.thinking === undefined ? ["answer"] : ["semantic", "acoustic", "answer"],
        chunkMs: profile.partMs,
        contextTokens: found?.contextTokens ?? ASSUMED_CONTEXT_TOKENS,
        ...(found?.takesTools === false && { knownTools: [] }),
      };
    },
    status: () => phase,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async open(setup) {
      while (phase.state === "loading") await new Promise<void>((resolve) => openers.add(resolve));
      if (phase.state === "failed") throw phase.error;
      if (phase.state === "closed" || found === undefined) throw new AloudError("engine_unavailable", "the engine is closed");
      const most = options.maxConversations ?? 64;
      if (conversations.size >= most) throw new AloudError("engine_busy", `all ${most} conversations are taken`);
      const conversation = await VllmConversation.open(hostOf(found), setup).catch((error: unknown) => {
        throw error instanceof ServerRefusal ? error.toAloudError(server.url) : error;
      });
      conversations.add(conversation);
      refresh();
      return conversation;
    },
    async close() {
      if (phase.state === "closed") return;
      clearTimeout(timer);
      endAll(new AloudError("engine_unavailable", "the engine is closed"));
      setPhase({ state: "closed" });
    },
  };
}

function toFailure(error: unknown): AloudError {
  return error instanceof AloudError ? error : new AloudError("engine_failed", "the vLLM server could not be asked", { cause: error });
}
