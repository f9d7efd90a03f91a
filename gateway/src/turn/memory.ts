/**
 * Keeps the model's memory within its context (`session.truncation`). An engine that runs out of room would drop turns silently; here it is
 * decided between two turns, before that happens, what goes, and the client is told. What was spoken is told anew as text then, which is
 * shorter than the audio and the thoughts that it replaces, so that often nothing has to go.
 */
import { AloudError, type SessionConfig } from "@aloud/client/protocol";
import type { EngineInfo } from "@aloud/engine";
import { engineItem, type History, textOf } from "../history.ts";
import type { Logger } from "../log.ts";
import type { Send } from "../wire/outlet.ts";
import { contextLimit, estimateTokens, outgrown } from "./context.ts";
import type { Dialogue } from "./dialogue.ts";
import { setupOf } from "./settings.ts";
import type { GenerationEnd } from "./turn.ts";

export interface MemoryOptions {
  readonly info: EngineInfo;
  readonly config: () => SessionConfig;
  readonly history: History;
  readonly dialogue: Dialogue;
  readonly logger: Logger;
  readonly send: Send;
}

export class Memory {
  readonly #options: MemoryOptions;
  /** Whether the conversation was told anew before the last answer: then its tokens are those of its text. */
  #telling: "live" | "anew" = "live";

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  /** Where nothing may be dropped, a conversation that is too long cannot be answered. */
  obstacle(): AloudError | undefined {
    if (this.#options.config().truncation !== "disabled") return undefined;
    const { limit, fixed, items } = this.#state();
    const tokens = items.reduce((sum, item) => sum + item.tokens, fixed);
    if (tokens <= limit.tokens) return undefined;
    return new AloudError(
      "context_length_exceeded",
      `the conversation of about ${tokens} tokens exceeds ${limit.tokens}, and session.truncation is "disabled": delete items`,
    );
  }

  /** An answer ended, with this much in the model's memory. */
  onAnswered({ usage }: GenerationEnd): void {
    const { info, config, history, dialogue, logger, send } = this.#options;
    const { limit, fixed, items } = this.#state();
    const audioApart = info.audioWindowMs === undefined ? 0 : usage.audioTokens;
    const used = usage.promptTokens - audioApart + usage.thinkTokens + usage.answerTokens;
    const told = this.#telling;
    this.#telling = used <= limit.tokens ? "live" : "anew";
    if (used <= limit.tokens) return;
    // The estimate was too low for this language or model: what does not fit as text, either, is cut by what it really takes.
    const estimate = items.reduce((sum, item) => sum + item.tokens, fixed);
    const scale = told === "anew" ? Math.max(1, used / Math.max(1, estimate)) : 1;
    const measured = items.map((item) => ({ ...item, tokens: item.tokens * scale }));
    const item_ids = config().truncation === "disabled" ? [] : outgrown(measured, fixed, limit);
    history.outgrow(item_ids);
    dialogue.reopen();
    logger.info({ used, limit: limit.tokens, dropped: item_ids.length }, "conversation told anew");
    if (item_ids.length > 0) send({ type: "aloud.context.truncated", item_ids });
  }

  #state() {
    const { info, config, history } = this.#options;
    const { instructions = "", tools } = setupOf(config());
    // A model with tools of its own is told their names, and no declaration.
    const told = info.knownTools === undefined ? JSON.stringify(tools) : tools.map(({ name }) => name).join(" ");
    const fixed = estimateTokens(instructions) + (tools.length === 0 ? 0 : estimateTokens(told));
    const items = history.told().map((item) => ({
      id: item.id,
      tokens: engineItem(item) === undefined ? 0 : estimateTokens(textOf(item)),
      isBeginning: item.type === "message" && item.role !== "assistant",
    }));
    return { limit: contextLimit(config().truncation, info.contextTokens, fixed), fixed, items };
  }
}
