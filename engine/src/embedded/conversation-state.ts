/**
 * What a conversation of the embedded engine is at one moment: one immutable value, so that a checkpoint is a reference.
 * Also the arithmetic of turns in the context: which tokens belong to which turn, and which turn goes when room is needed. The context is
 * what is in the cache and, behind it, what is owed to it.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Prefilled } from "../engine.ts";
import type { EarState } from "../hearing/ear.ts";
import { type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";
import type { MarkedChannel } from "../text/channel-splitter.ts";
import { type Dictation, NEW_DICTATION } from "./dictation.ts";
import { cutTokens, type KvCache } from "./kv-cache.ts";

/** The user's turn that is open, or the tools' results. */
export interface OpenTurn {
  /** It was said before the conversation opened: `generate` answers it, but what is appended begins a turn of its own. */
  readonly isFromHistory: boolean;
  /** It is made of tools' results instead of a user's words. */
  readonly isResult: boolean;
  /** Absent until the turn has audio. From then on its tokens are owed until it is closed, because they attend to all of its audio. */
  readonly ear: EarState | undefined;
  /** Samples that do not fill a block yet. */
  readonly pending: Float32Array;
  /** Tokens of the turn, in the cache or owed. */
  readonly textTokens: number;
  readonly transcript: Prefilled["transcript"];
  /** What the scribe has written down; nothing where the model has none. */
  readonly dictation: Dictation;
  readonly endOfTurn: number | undefined;
}

/**
 * - `token`: with the token that was picked and not said, on the channel that was open, with bytes of a character that was cut.
 * - `exhausted`: not at all; the context is full or the answer repeated itself.
 */
export type Continuation =
  | {
      readonly type: "token";
      readonly token: number;
      readonly channel: MarkedChannel;
      readonly bytes: Uint8Array;
      /** Tokens that come after it whatever the model would say. */
      readonly forced: readonly number[];
    }
  | { readonly type: "exhausted" };

export interface ConversationState {
  readonly cache: KvCache;
  /** Where each turn begins in the context, oldest first; what stands before the first (the list of tools) is never dropped. */
  readonly starts: readonly number[];
  /** What the newest tokens attend to: the audio of the newest turn. */
  readonly audio: HeardAudio;
  /** Tokens that are said and not in the cache yet; all of them attend to `audio`. */
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
  textTokens: 0,
  transcript: undefined,
  dictation: NEW_DICTATION,
  endOfTurn: undefined,
};

export function emptyState(cache: KvCache): ConversationState {
  return { cache, starts: [], audio: NO_AUDIO, owed: [], open: undefined, continuation: undefined };
}

/** Tokens in the cache and owed to it. */
export function contextLength({ cache, owed }: ConversationState): number {
  return cache.length + owed.length;
}

/**
 * The state with room for `tokens` more, made by forgetting whole turns, the oldest first, never the newest.
 * @returns undefined when even that is not enough
 */
export function makeRoom(state: ConversationState, tokens: number, contextTokens: number): ConversationState | undefined {
  let { cache, owed, starts } = state;
  while (cache.length + owed.length + tokens > contextTokens) {
    const [oldest, next] = starts;
    if (oldest === undefined || next === undefined) return undefined;
    const cached = cache.length;
    owed = [...owed.slice(0, Math.max(0, oldest - cached)), ...owed.slice(Math.max(0, next - cached))];
    if (oldest < cached) cache = cutTokens(cache, oldest, Math.min(next, cached));
    starts = starts.slice(1).map((start) => start - (next - oldest));
  }
  return cache === state.cache && owed === state.owed ? state : { ...state, cache, owed, starts };
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
