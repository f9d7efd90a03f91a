/** A chat completion's body: the server is told the whole conversation with every request. Pure. */
import type { GenerateRequest, Tool } from "../engine.ts";
import type { AskOptions } from "./generation.ts";
import { type History, saidIn } from "./history.ts";
import { type ChatMessage, toMessages, toTools } from "./messages.ts";
import { plainText } from "./plain-text.ts";
import type { VllmProfile } from "./profiles.ts";

export type Body = Readonly<Record<string, unknown>>;

/** What every prompt of a conversation has in common. */
export interface PromptSetup {
  readonly model: string;
  readonly instructions: string | undefined;
  /** Those that the server takes: none, where it was started without a parser for calls. */
  readonly tools: readonly Tool[];
  /** Conversations with different salts share nothing of the server's cache. */
  readonly cacheSalt: string | undefined;
}

/**
 * @param isWhole with all of the open turn's audio; otherwise up to the last part that is settled
 * @param prefill the text with which the assistant's message begins, if it is to begin with one
 */
export function promptBody(setup: PromptSetup, history: History, isWhole: boolean, prefill: string | undefined): Body {
  const { model, instructions, tools, cacheSalt } = setup;
  const messages: ChatMessage[] = [
    ...(instructions === undefined || instructions === "" ? [] : [{ role: "system", content: plainText(instructions) } as const]),
    ...toMessages([...history.past.flatMap((turn) => turn.said), ...saidIn(history.open, isWhole)]),
  ];
  const isAsked = isWhole && prefill === undefined;
  return {
    model,
    messages: prefill === undefined ? messages : [...messages, { role: "assistant", content: prefill }],
    add_generation_prompt: isAsked,
    ...(prefill !== undefined && { continue_final_message: true }),
    ...(tools.length > 0 && { tools: toTools(tools) }),
    ...(cacheSalt !== undefined && { cache_salt: cacheSalt }),
  };
}

/** What makes an answer of a prompt. A second attempt after a useless first is sampled: greedily it would come out the same. */
export function answerBody(
  prompt: Body,
  { sampling, toolChoice = "auto" }: GenerateRequest,
  { maxTokens, isRetry }: AskOptions,
  { stopTokenIds, temperature: usual }: Pick<VllmProfile, "stopTokenIds" | "temperature">,
): Body {
  const { temperature = usual, topP = 1, seed } = sampling ?? {};
  return {
    ...prompt,
    max_tokens: maxTokens,
    temperature: isRetry ? Math.max(temperature, 0.7) : temperature,
    top_p: topP,
    ...(seed !== undefined && { seed }),
    ...(stopTokenIds.length > 0 && { stop_token_ids: stopTokenIds }),
    skip_special_tokens: false,
    ...(prompt.tools !== undefined && { tool_choice: toolChoice }),
  };
}

/** Prefill while the user speaks. Answers go first. */
export function warmUpBody(prompt: Body): Body {
  return { ...prompt, max_tokens: 1, temperature: 0, priority: 10 };
}
