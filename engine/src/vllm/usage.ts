/** What an answer took, as the port tells it. Pure. */
import type { GenerateUsage } from "../engine.ts";
import type { Outcome } from "./generation.ts";

/** The cache gives whole blocks (up to 128 tokens), and a warm-up ends in marks that the next prompt has elsewhere. */
const CACHE_SLACK_TOKENS = 160;

/** What is known of a prompt without the server's word. */
export interface PromptEstimate {
  readonly promptTokens: number;
  readonly audioTokens: number;
  /** Of the longest beginning of the prompt that was sent before. */
  readonly sentTokens: number;
}

/** @param outcome undefined for an answer that took no request */
export function usageOf(estimate: PromptEstimate, outcome: Outcome | undefined): GenerateUsage {
  const promptTokens = outcome?.usage?.promptTokens ?? estimate.promptTokens;
  const expected = Math.min(estimate.sentTokens, promptTokens);
  // What the server found is the truth, but for what it rounds down to whole blocks.
  const found = outcome?.usage?.cachedTokens;
  return {
    promptTokens,
    audioTokens: Math.min(estimate.audioTokens, promptTokens),
    prefilledTokens: found === undefined || found + CACHE_SLACK_TOKENS >= expected ? expected : found,
    ...(found !== undefined && { cachedTokens: found }),
    thinkTokens: outcome?.thinkTokens ?? 0,
    answerTokens: outcome?.answerTokens ?? 0,
  };
}
