/** The answer that is being sent: its events on the wire, its times, and what became of it. */
import { AloudError, type ConversationItem, type Dialect, type MessageItem, type TurnTiming } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Send } from "../wire/outlet.ts";
import { ResponseWriter } from "../wire/response.ts";
import { demandsCall, type ResponseSettings } from "./settings.ts";
import type { Origin, Outcome, Output } from "./turn.ts";

export interface AnswerOptions {
  readonly clock: Clock;
  readonly dialect: Dialect;
  /** Null for an answer outside the conversation. */
  readonly conversationId: string | null;
  readonly settings: ResponseSettings;
  readonly origin: Origin;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly send: Send;
  /** Puts an item into the conversation; returns the id of the item before it. */
  readonly announce: (item: ConversationItem) => string | null;
}

/** What became of an answer. */
export interface Answered {
  /** The message as it was sent, for the history. */
  readonly message: MessageItem | undefined;
  /** Nothing was said before it failed: the same turn can be answered again. */
  readonly isUnsaid: boolean;
  /** The model made calls that the client did not want, and remembers them. */
  readonly hasDroppedCalls: boolean;
}

export class Answer {
  readonly #options: AnswerOptions;
  readonly #writer: ResponseWriter;
  #firstThoughtAt: number | undefined;
  #firstAnswerAt: number | undefined;
  #droppedCalls = 0;

  constructor(options: AnswerOptions) {
    const { dialect, conversationId, settings, send, announce } = options;
    this.#options = options;
    const { maxOutputTokens, metadata } = settings;
    this.#writer = new ResponseWriter({ dialect, conversationId, maxOutputTokens, metadata, send, announce });
  }

  get id(): string {
    return this.#writer.id;
  }

  push(output: Output): void {
    const { clock, metrics, origin, settings } = this.#options;
    const now = clock.now();
    if (this.#isUnsaid()) metrics.firstDelta.observe((now - startOf(origin)) / 1_000);
    if ("channel" in output && output.channel !== "answer") this.#firstThoughtAt ??= now;
    else this.#firstAnswerAt ??= now;
    if ("call" in output && !settings.parallelToolCalls && this.#writer.calls() > 0) this.#droppedCalls += 1;
    else this.#writer.push(output);
  }

  finish(outcome: Outcome): Answered {
    const { metrics, logger } = this.#options;
    const checked = this.#checked(outcome);
    const timing = this.#timing(outcome);
    const message = this.#writer.finish(checked, timing);
    const status = checked.status === "ended" ? checked.end.reason : checked.status;
    metrics.responses.inc({ status });
    this.#count(outcome, timing);
    const code = checked.status === "failed" ? checked.error.code : undefined;
    logger.info({ response: this.id, status, code, ...timing }, "response done");
    return { message, isUnsaid: outcome.status === "failed" && this.#isUnsaid(), hasDroppedCalls: this.#droppedCalls > 0 };
  }

  #isUnsaid(): boolean {
    return this.#firstThoughtAt === undefined && this.#firstAnswerAt === undefined;
  }

  /** A call that could not be made, and one that had to be made and was not, are failures. */
  #checked(outcome: Outcome): Outcome {
    if (outcome.status !== "ended") return outcome;
    if (outcome.end.reason === "invalid_tool_call")
      return { status: "failed", error: new AloudError("tool_call_invalid", "the model called no declared tool with valid arguments") };
    const isMissing = outcome.end.reason === "stop" && demandsCall(this.#options.settings.toolChoice) && this.#writer.calls() === 0;
    if (!isMissing) return outcome;
    return { status: "failed", error: new AloudError("tool_call_missing", "tool_choice demands a call, and the model made none") };
  }

  #count(outcome: Outcome, { first_thought_ms, first_answer_ms, speculated }: TurnTiming): void {
    const { metrics, origin } = this.#options;
    if (first_thought_ms !== undefined) metrics.firstThought.observe(first_thought_ms / 1_000);
    if (first_answer_ms !== undefined) metrics.firstAnswer.observe(first_answer_ms / 1_000);
    if (origin.type === "speech") metrics.starts.inc({ speculated: String(speculated) });
    if (outcome.status !== "ended") return;
    const { promptTokens, prefilledTokens, cachedTokens, thinkTokens, answerTokens } = outcome.end.usage;
    metrics.tokens.inc({ kind: "prompt" }, promptTokens);
    metrics.tokens.inc({ kind: "prefilled" }, prefilledTokens);
    if (cachedTokens !== undefined) metrics.tokens.inc({ kind: "cached" }, cachedTokens);
    metrics.tokens.inc({ kind: "think" }, thinkTokens);
    metrics.tokens.inc({ kind: "answer" }, answerTokens);
  }

  #timing(outcome: Outcome): TurnTiming {
    const { origin, clock } = this.#options;
    const since = startOf(origin);
    const ms = (at: number) => Math.round(at - since);
    const usage = outcome.status === "ended" ? outcome.end.usage : undefined;
    return {
      ...(origin.type === "speech" && { endpoint_ms: ms(origin.endpointAt) }),
      ...(this.#firstThoughtAt !== undefined && { first_thought_ms: ms(this.#firstThoughtAt) }),
      ...(this.#firstAnswerAt !== undefined && { first_answer_ms: ms(this.#firstAnswerAt) }),
      done_ms: ms(clock.now()),
      prefilled_tokens: usage?.prefilledTokens ?? 0,
      ...(usage?.cachedTokens !== undefined && { cached_tokens: usage.cachedTokens }),
      speculated: origin.type === "speech" && origin.start === "speculated",
    };
  }
}

function startOf(origin: Origin): number {
  return origin.type === "speech" ? origin.stoppedAt : origin.at;
}
