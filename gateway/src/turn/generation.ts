/**
 * One answer, however many calls of `generate` it takes: an answer that hits the engine's budget is continued, invisibly, until it
 * ends by itself, the client's own limit is reached, or the allowed continuations are used up.
 */
import type { ReasoningEffort } from "@aloud/client/protocol";
import type { Conversation, GenerateEvent, GenerateRequest, GenerateUsage } from "@aloud/engine";
import { ANSWER_TOKENS, MAX_CONTINUATIONS } from "../limits.ts";
import type { GenerationEnd, Output } from "./turn.ts";

export interface TokenBudget {
  readonly thinkTokens: number;
  /** The client's `max_output_tokens`, which bounds the answer; thinking has its own budget (docs/decisions/). */
  readonly answerTokens: number | "inf";
}

/** Thinking tokens by `reasoning.effort`. `none` answers directly. */
const THINK_TOKENS: Readonly<Record<ReasoningEffort, number>> = { none: 0, minimal: 96, low: 256, medium: 512, high: 1_024, xhigh: 2_048 };

export function budgetFor(effort: ReasoningEffort, maxOutputTokens: number | "inf"): TokenBudget {
  return { thinkTokens: THINK_TOKENS[effort], answerTokens: maxOutputTokens };
}

export interface AnswerRequest extends Required<Pick<GenerateRequest, "mode" | "toolChoice">> {
  readonly budget: TokenBudget;
}

export type AnswerEvent = Exclude<GenerateEvent, { type: "end" }> | { readonly type: "end"; readonly end: GenerationEnd };

/** What the turn knows of a delta. */
export function outputOf({ channel, text, isAhead, isHeuristic }: Extract<GenerateEvent, { type: "delta" }>): Output {
  return { channel, text, ...(isAhead && { isAhead }), ...(isHeuristic && { isHeuristic }) };
}

/** Streams the answer. When `signal` fires, it ends without an `end` event. */
export async function* generateWithin(
  conversation: Conversation,
  { mode, toolChoice, budget }: AnswerRequest,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent> {
  let usage: GenerateUsage | undefined;
  for (let call = 0; ; call++) {
    const left = budget.answerTokens === "inf" ? ANSWER_TOKENS : Math.min(ANSWER_TOKENS, budget.answerTokens - (usage?.answerTokens ?? 0));
    const request: GenerateRequest = {
      // The thinking is done when the answer was cut: a continuation only goes on answering.
      mode: call === 0 ? mode : "direct",
      maxThinkTokens: call === 0 ? budget.thinkTokens : 0,
      maxAnswerTokens: left,
      toolChoice,
    };
    for await (const event of conversation.generate(request, signal)) {
      if (event.type !== "end") {
        yield event;
        continue;
      }
      if (event.reason === "aborted") return;
      const before: GenerateUsage | undefined = usage;
      usage = before === undefined ? event.usage : sum(before, event.usage);
      const isClientLimit = budget.answerTokens !== "inf" && usage.answerTokens >= budget.answerTokens;
      const isStuck = event.usage.answerTokens === 0;
      if (event.reason !== "length" || isClientLimit || isStuck || call >= MAX_CONTINUATIONS) {
        yield { type: "end", end: { reason: event.reason, usage } };
        return;
      }
    }
    if (signal.aborted) return;
  }
}

/** Prompt figures are those of the first call: the continuations' prompts contain what was just generated. */
function sum(first: GenerateUsage, next: GenerateUsage): GenerateUsage {
  return { ...first, thinkTokens: first.thinkTokens + next.thinkTokens, answerTokens: first.answerTokens + next.answerTokens };
}
