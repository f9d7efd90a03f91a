/**
 * What a conversation of the embedded engine is at one moment: one immutable value, so that a checkpoint is a reference.
 * Also the arithmetic of turns in the cache: which tokens belong to which turn, and which turn goes when room is needed.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Prefilled } from "../engine.ts";
import type { EarState } from "../hearing/ear.ts";
import type { MarkedChannel } from "../text/channel-splitter.ts";
import { cutTokens, type KvCache } from "./kv-cache.ts";

/** The user's turn that is open: its audio and text are going into the cache. */
export interface OpenTurn {
  /** It was said before the conversation opened: `generate` answers it, but what is appended begins a turn of its own. */
  readonly isFromHistory: boolean;
  /** It is made of tools' results instead of a user's words. */
  readonly isResult: boolean;
  /** Absent until the turn has audio. */
  readonly ear: EarState | undefined;
  /** Samples that do not fill a block yet. */
  readonly pending: Float32Array;
  readonly audioTokens: number;
  /** Tokens of the turn in the cache. */
  readonly tokens: number;
  readonly transcript: Prefilled["transcript"];
  readonly endOfTurn: number | undefined;
}

/**
 * - `token`: with the token that was picked and not said, on the channel that was open, with bytes of a character that was cut.
 * - `exhausted`: not at all; the context is full or the answer repeated itself.
 */
export type Continuation =
  | { readonly type: "token"; readonly token: number; readonly channel: MarkedChannel; readonly bytes: Uint8Array }
  | { readonly type: "exhausted" };

export interface ConversationState {
  readonly cache: KvCache;
  /** Where each turn begins in the cache, oldest first; what stands before the first (instructions) is never dropped. */
  readonly starts: readonly number[];
  /** Tokens that close what was generated last; they go into the cache with whatever comes next. */
  readonly owed: readonly number[];
  readonly open: OpenTurn | undefined;
  /** How an answer that ended with reason `length` goes on if `generate` is called next. */
  readonly continuation: Continuation | undefined;
}

export const NEW_TURN: OpenTurn = {
  isFromHistory: false,
  isResult: false,
  ear: undefined,
  pending: new Float32Array(0),
  audioTokens: 0,
  tokens: 0,
  transcript: undefined,
  endOfTurn: undefined,
};

/**
 * The state with room for `tokens` more, made by forgetting whole turns, the oldest first, never the newest.
 * @returns undefined when even that is not enough
 */
export function makeRoom(state: ConversationState, tokens: number, contextTokens: number): ConversationState | undefined {
  let { cache, starts } = state;
  while (cache.length + tokens > contextTokens) {
    const [oldest, next] = starts;
    if (oldest === undefined || next === undefined) return undefined;
    cache = cutTokens(cache, oldest, next);
    starts = starts.slice(1).map((start) => start - (next - oldest));
  }
  return cache === state.cache ? state : { ...state, cache, starts };
}

/** @throws AloudError `context_length_exceeded` */
export function mustMakeRoom(state: ConversationState, tokens: number, contextTokens: number): ConversationState {
  const roomy = makeRoom(state, tokens, contextTokens);
  if (roomy !== undefined) return roomy;
  throw new AloudError(
    "context_length_exceeded",
    `the turn needs more than the ${contextTokens} tokens that the model's context has for it`,
  );
}

export function concatSamples(a: Float32Array, b: Float32Array): Float32Array {
  const joined = new Float32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
