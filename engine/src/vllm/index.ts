/**
 * The engine that talks to a vLLM server, unmodified and somewhere else: Step-Audio-R1 and its relatives behind the same port.
 *
 * ```ts
 * const engine = openVllmEngine({ urls: ["http://gpu-1:8000", "http://gpu-2:8000"], model: "Step-Audio-R1" });
 * ```
 * Loading is waiting for a server: it refuses connections until its model is there. Several servers serve the same model; a conversation lives on one
 * of them and survives it.
 */
import { randomUUID } from "node:crypto";
import { AloudError } from "@aloud/client/protocol";
import type { ConversationSetup, Engine, EngineInfo, EngineStatus } from "../engine.ts";
import { createSalts } from "./cache-salt.ts";
import { type PromptReport, VllmConversation, type VllmHost } from "./conversation.ts";
import { profileFor, type VllmProfile } from "./profiles.ts";
import { type Clock, systemClock } from "./replicas/clock.ts";
import type { Served } from "./replicas/replica.ts";
import { ASSUMED_CONTEXT_TOKENS, Replicas } from "./replicas/replicas.ts";
import { type Move, Route } from "./replicas/route.ts";
import { ServerRefusal } from "./server.ts";

export type { PromptReport } from "./conversation.ts";
export { PROFILES, type VllmProfile } from "./profiles.ts";
export type { Clock } from "./replicas/clock.ts";
export type { Move } from "./replicas/route.ts";
export { readStepAudioTemplate } from "./templates.ts";

export interface VllmOptions {
  /** Of the server, such as `http://127.0.0.1:8000`, or of several. Exactly one of `url` and `urls`. */
  readonly url?: string;
  readonly urls?: readonly string[];
  readonly apiKey?: string;
  /** The served name. Absent: the first that the server names. */
  readonly model?: string;
  /** Default: by the model's name. */
  readonly profile?: VllmProfile;
  /** Default: the profile's. */
  readonly temperature?: number;
  /**
   * When a thought has so many tokens, an answer from what was thought so far begins beside it, in a second request; when the thought is over, the answer goes on
   * from all of it. At least 1. Absent: the answer waits for the whole thought.
   */
  readonly thinkAheadTokens?: number;
  /**
   * The secret that tenants' salts are made of (`cache-salt.ts`); it is never sent itself. Conversations of different tenants, and of engines
   * with different secrets, share nothing of the servers' caches. Default: a random one, and no salt for conversations without a tenant.
   */
  readonly cacheSalt?: string;
  /** Default 64. Beyond it `open` fails with `engine_busy`. */
  readonly maxConversations?: number;
  /** Until a server that is not there is looked for again; ten times as long at most, while it stays away. Default 1 s. */
  readonly retryMs?: number;
  readonly clock?: Clock;
  /** Called after every answer. */
  readonly onPrompt?: (report: PromptReport) => void;
  /** Called when a conversation goes to another server. */
  readonly onMove?: (move: Move) => void;
}

/** Counts of texts that are remembered: instructions and tool declarations come again and again. */
const MAX_COUNTS = 512;
/** Sessions that are remembered, by conversations that there may be: some have ended, others have none just now. */
const KNOWN_SESSIONS = 2;
/** When somebody who was refused may ask again: an answer or two later. */
const RETRY_AFTER_MS = 5_000;

export function openVllmEngine(options: VllmOptions): Engine {
  const { retryMs = 1_000, clock = systemClock, maxConversations = 64 } = options;
  const urls = options.urls ?? (options.url === undefined ? [] : [options.url]);
  if (urls.length === 0 || (options.urls !== undefined && options.url !== undefined)) {
    throw new AloudError("invalid_value", "expected url or urls, and at least one of them");
  }
  const { thinkAheadTokens } = options;
  if (thinkAheadTokens !== undefined && !(Number.isInteger(thinkAheadTokens) && thinkAheadTokens >= 1)) {
    throw new AloudError("invalid_value", `thinkAheadTokens: expected an integer of at least 1, got ${thinkAheadTokens}`);
  }
  const conversations = new Set<VllmConversation>();
  const listeners = new Set<(status: EngineStatus) => void>();
  const openers = new Set<() => void>();
  const counts = new Map<string, number>();
  const sessions = new Set<string>();
  const saltOf = createSalts(options.cacheSalt);
  let isClosed = false;
  let wasThere = false;
  const replicas = new Replicas({ urls, apiKey: options.apiKey, model: options.model, retryMs, clock, changed });

  function status(): EngineStatus {
    if (isClosed) return { state: "closed" };
    const devices = replicas.all.map(({ device }) => device);
    if (replicas.isAnyThere) {
      const isFull = conversations.size >= maxConversations || replicas.isFull;
      const full = isFull ? { full: { retryAfterMs: RETRY_AFTER_MS } } : {};
      return { state: "ready", devices, conversations: conversations.size, waiting: 0, ...full };
    }
    const error = replicas.failure;
    if (error !== undefined) return { state: "failed", error };
    const what = replicas.all.length > 1 ? `one of ${replicas.all.length} vLLM servers` : "the vLLM server";
    return {
      state: "loading",
      progress: 0,
      message: wasThere ? `waiting for ${what} to come back` : `waiting for ${what}`,
      devices,
    };
  }

  function tell(): void {
    const now = status();
    for (const listener of listeners) listener(now);
    if (now.state === "loading") return;
    for (const opener of openers) opener();
    openers.clear();
  }

  function changed(): void {
    if (replicas.isAnyThere) wasThere = true;
    else endAll(new AloudError("engine_unavailable", "no vLLM server is there any more"));
    tell();
  }

  function endAll(error: AloudError): void {
    for (const conversation of [...conversations]) conversation.fail(error);
  }

  async function countTokens(route: Route, model: string, text: string): Promise<number> {
    if (text === "") return 0;
    const known = counts.get(text);
    if (known !== undefined) return known;
    // Bytes by three is more than any tokenizer needs for the languages that it was made for.
    const count = (await route.countTokens(model, text)) ?? Math.ceil(Buffer.byteLength(text) / 3);
    if (counts.size >= MAX_COUNTS) counts.delete(counts.keys().next().value ?? "");
    counts.set(text, count);
    return count;
  }

  function hostOf({ model, takesTools }: Served, route: Route, tenant: string | undefined): VllmHost {
    const profile = options.profile ?? profileFor(model);
    return {
      route,
      model,
      profile,
      takesTools,
      temperature: options.temperature ?? profile.temperature,
      thinkAheadTokens,
      cacheSalt: saltOf(tenant),
      // A server with a smaller context may join later.
      get contextTokens() {
        return replicas.served?.contextTokens ?? ASSUMED_CONTEXT_TOKENS;
      },
      countTokens: (text) => countTokens(route, model, text),
      report: (report) => options.onPrompt?.(report),
      closed(conversation) {
        if (conversations.delete(conversation)) tell();
      },
    };
  }

  /** Who has been answered before is not refused when its conversation is opened anew. */
  function remember(sessionId: string): void {
    sessions.delete(sessionId);
    sessions.add(sessionId);
    const [oldest] = sessions;
    if (sessions.size > KNOWN_SESSIONS * maxConversations && oldest !== undefined) sessions.delete(oldest);
  }

  async function open(setup: ConversationSetup): Promise<VllmConversation> {
    while (status().state === "loading") await new Promise<void>((resolve) => openers.add(resolve));
    const now = status();
    if (now.state === "failed") throw now.error;
    const { served } = replicas;
    if (now.state !== "ready" || served === undefined) throw new AloudError("engine_unavailable", "the engine is closed");
    const later = { retryAfterMs: RETRY_AFTER_MS };
    if (conversations.size >= maxConversations)
      throw new AloudError("engine_busy", `all ${maxConversations} conversations are taken`, later);
    const sessionId = setup.sessionId ?? randomUUID();
    const at = replicas.place(sessionId, !sessions.has(sessionId));
    if (at === undefined) throw new AloudError("engine_busy", "every vLLM server has as much to do as it can", later);
    const route = new Route({ replicas, clock, sessionId, at, moved: (move) => options.onMove?.(move) });
    try {
      const conversation = await VllmConversation.open(hostOf(served, route, setup.tenant), setup);
      if (isClosed) throw new AloudError("engine_unavailable", "the engine is closed");
      conversations.add(conversation);
      remember(sessionId);
      tell();
      return conversation;
    } catch (error) {
      route.close();
      throw error instanceof ServerRefusal ? error.toAloudError(route.serverName) : error;
    }
  }

  return {
    get info(): EngineInfo {
      const { served } = replicas;
      const profile = options.profile ?? profileFor(served?.model ?? options.model ?? "");
      return {
        engine: "vllm",
        model: served?.model ?? options.model ?? "unknown",
        channels: profile.thinking === undefined ? ["answer"] : ["semantic", "acoustic", "answer"],
        chunkMs: profile.partMs,
        contextTokens: served?.contextTokens ?? ASSUMED_CONTEXT_TOKENS,
        ...(served?.takesTools === false && { knownTools: [] }),
      };
    },
    status,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open,
    async close() {
      if (isClosed) return;
      isClosed = true;
      replicas.close();
      endAll(new AloudError("engine_unavailable", "the engine is closed"));
      tell();
    },
  };
}
