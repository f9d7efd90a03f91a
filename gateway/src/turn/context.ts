/**
 * What a conversation may hold, and what has to go when it holds more. Pure. The engine counts tokens as it takes them in; what a
 * conversation costs that is told anew, as text, can only be estimated before it is.
 */
import type { Truncation } from "@aloud/client/protocol";

/** Room for what is said next: a part of the context, and at most this. */
const RESERVE = { part: 0.25, tokens: 1_024 } as const;
/** What `auto` keeps: cutting once in a while is cheaper than cutting a little at every turn. */
const AUTO_RETENTION = 0.8;
const CHARACTERS_PER_TOKEN = 4;
/** Marks of role and end. */
const TOKENS_PER_ITEM = 4;

export interface ContextItem {
  readonly id: string;
  readonly tokens: number;
  /** Whether a conversation may begin with it: an answer or a result makes no sense without what it belongs to. */
  readonly isBeginning: boolean;
}

export interface ContextLimit {
  /** Tokens of instructions, tools and items together that may not be exceeded. */
  readonly tokens: number;
  /** Tokens of items that are kept when it is. */
  readonly retained: number;
}

/** Tokens that a text will be, about: never exact, but the same for the same text. */
export function estimateTokens(text: string): number {
  return text === "" ? 0 : Math.ceil(text.length / CHARACTERS_PER_TOKEN) + TOKENS_PER_ITEM;
}

/** @param fixedTokens instructions and tools */
export function contextLimit(truncation: Truncation, contextTokens: number, fixedTokens: number): ContextLimit {
  const most = contextTokens - Math.min(RESERVE.tokens, Math.ceil(contextTokens * RESERVE.part));
  if (typeof truncation === "string") return { tokens: most, retained: (most - fixedTokens) * AUTO_RETENTION };
  const own = truncation.token_limits?.post_instructions;
  const tokens = own === undefined ? most : Math.min(most, own + fixedTokens);
  return { tokens, retained: (tokens - fixedTokens) * truncation.retention_ratio };
}

/**
 * The items that have to go, oldest first, so that the rest fits; none when everything does. The newest turn stays whatever its length.
 * @param items oldest first
 */
export function outgrown(items: readonly ContextItem[], fixedTokens: number, limit: ContextLimit): string[] {
  let left = items.reduce((sum, { tokens }) => sum + tokens, 0);
  if (fixedTokens + left <= limit.tokens) return [];
  const newestTurn = items.findLastIndex(({ isBeginning }) => isBeginning);
  let first = 0;
  while (first < newestTurn && (left > limit.retained || items[first]?.isBeginning === false)) {
    left -= items[first]?.tokens ?? 0;
    first += 1;
  }
  return items.slice(0, first).map(({ id }) => id);
}
