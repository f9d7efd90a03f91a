/** How much of a conversation fits into the model's context, by our count; the server has the last word. Pure. */
import { AloudError } from "@aloud/client/protocol";
import { forgetOldest, type History, tokensOf } from "./history.ts";
import type { VllmProfile } from "./profiles.ts";

/** Room that is kept for an answer, at most. */
const MAX_RESERVED_TOKENS = 1_024;

export interface Context {
  readonly contextTokens: number;
  /** Of the instructions and the tools, which every prompt has. */
  readonly baseTokens: number;
  readonly profile: VllmProfile;
}

/** Tokens of the prompt that the answer to the open turn is asked for with. */
export function promptTokensOf(history: History, { baseTokens, profile }: Context): number {
  const past = history.past.reduce((sum, turn) => sum + turn.tokens, 0);
  return baseTokens + past + tokensOf(history.open, profile, true);
}

/** Forgets the oldest turns until there is room for an answer. @throws AloudError `context_length_exceeded` when the open turn alone is too long */
export function fitted(history: History, { contextTokens, baseTokens, profile }: Context): History {
  const room = contextTokens - baseTokens - Math.min(MAX_RESERVED_TOKENS, Math.floor(contextTokens / 8));
  const tokens = tokensOf(history.open, profile, true);
  if (tokens > room) {
    throw new AloudError("context_length_exceeded", `a turn of ${tokens} tokens exceeds the ${room} that there is room for`);
  }
  return forgetOldest(history, room, profile);
}
