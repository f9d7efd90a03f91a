/**
 * One response on the wire, from `response.created` to `response.done`, in OpenAI's order. On `aloud.v1` thinking is an output
 * item of its own, done before the message begins unless the model answers ahead of its thought; it never becomes a conversation item, because stock
 * clients chain `previous_item_id` through those.
 * Tool calls are sent with the end, all at once: some clients run a call as soon as it is complete and ask for the next response
 * at once, which must not find this one unfinished.
 */
import type {
  ConversationItem,
  Dialect,
  FunctionCallItem,
  MessageItem,
  OutputItem,
  ReasoningItem,
  ReasoningText,
  ResponseObject,
  ResponseStatus,
  TurnTiming,
  Usage,
} from "@aloud/client/protocol";
import type { GenerateUsage } from "@aloud/engine";
import type { Call, Outcome, Output } from "../turn/turn.ts";
import { newId } from "./ids.ts";
import type { Send } from "./outlet.ts";

export interface ResponseOptions {
  readonly dialect: Dialect;
  /** Null for a response outside the conversation: its items are announced to the client as output only. */
  readonly conversationId: string | null;
  readonly maxOutputTokens: number | "inf";
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly send: Send;
  /** Puts an item into the conversation; returns the id of the item before it. */
  readonly announce: (item: ConversationItem) => string | null;
}

interface Message {
  readonly id: string;
  readonly index: number;
  readonly previousItemId: string | null;
  text: string;
}

interface Reasoning {
  readonly id: string;
  readonly index: number;
  /** In the order in which the channels spoke first, which is their `content_index`. */
  readonly parts: ReasoningText[];
  state: "open" | "done";
}

export class ResponseWriter {
  readonly id = newId("resp");
  readonly #options: ResponseOptions;
  /** Items that are done, by their `output_index`. */
  readonly #output = new Map<number, OutputItem>();
  readonly #calls: Call[] = [];
  #items = 0;
  #reasoning: Reasoning | undefined;
  #message: Message | undefined;

  constructor(options: ResponseOptions) {
    this.#options = options;
    options.send({ type: "response.created", response: this.#object("in_progress", null, null) });
  }

  /** Calls so far; they go out with the end, if it is a good one. */
  calls(): number {
    return this.#calls.length;
  }

  push(output: Output): void {
    if ("call" in output) this.#calls.push(output.call);
    else if (output.channel === "answer") this.#answer(output.text, output.isAhead ?? false);
    else this.#think({ channel: output.channel, text: output.text, ...(output.isHeuristic && { heuristic: true }) });
  }

  /**
   * Closes what is open and sends `response.done`.
   * @returns the message as it was sent, for the history
   */
  finish(outcome: Outcome, timing: TurnTiming | undefined): MessageItem | undefined {
    const isWhole = outcome.status === "ended" && outcome.end.reason === "stop";
    this.#endReasoning(isWhole ? "completed" : "incomplete");
    const message = this.#message && this.#endMessage(this.#message, isWhole ? "completed" : "incomplete");
    if (isWhole) for (const call of this.#calls) this.#sendCall(call);
    const { status, details } = statusOf(outcome);
    const usage = usageOf(outcome.status === "ended" ? outcome.end.usage : undefined, this.#options.dialect);
    const response = this.#object(status, details, usage);
    const isExtended = this.#options.dialect === "aloud" && timing !== undefined;
    this.#options.send({ type: "response.done", response: isExtended ? { ...response, timing } : response });
    return message;
  }

  #object(status: ResponseStatus, status_details: ResponseObject["status_details"], usage: Usage | null): ResponseObject {
    const { conversationId, maxOutputTokens, metadata } = this.#options;
    return {
      object: "realtime.response",
      id: this.id,
      conversation_id: conversationId,
      status,
      status_details,
      output: [...this.#output].sort(([a], [b]) => a - b).map(([, item]) => item),
      output_modalities: ["text"],
      max_output_tokens: maxOutputTokens,
      metadata,
      usage,
    };
  }

  #think({ text: delta, ...kind }: ReasoningText): void {
    if (this.#options.dialect !== "aloud" || this.#reasoning?.state === "done") return;
    const { send } = this.#options;
    if (this.#reasoning === undefined) {
      this.#reasoning = { id: newId("rs"), index: this.#items++, parts: [], state: "open" };
      const item = reasoningItem(this.#reasoning, "in_progress");
      send({ type: "response.output_item.added", response_id: this.id, output_index: this.#reasoning.index, item });
    }
    const reasoning = this.#reasoning;
    let index = reasoning.parts.findIndex((part) => part.channel === kind.channel);
    if (index < 0) index = reasoning.parts.length;
    const before = reasoning.parts[index];
    reasoning.parts[index] = { ...before, ...kind, text: (before?.text ?? "") + delta };
    const at = { response_id: this.id, item_id: reasoning.id, output_index: reasoning.index, content_index: index };
    send({ type: "response.reasoning_text.delta", ...at, ...kind, delta });
  }

  #endReasoning(status: "completed" | "incomplete"): void {
    const reasoning = this.#reasoning;
    if (reasoning?.state !== "open") return;
    reasoning.state = "done";
    const { send } = this.#options;
    reasoning.parts.forEach((part, index) => {
      const at = { response_id: this.id, item_id: reasoning.id, output_index: reasoning.index, content_index: index };
      send({ type: "response.reasoning_text.done", ...at, ...part });
    });
    const item = reasoningItem(reasoning, status);
    this.#output.set(reasoning.index, item);
    send({ type: "response.output_item.done", response_id: this.id, output_index: reasoning.index, item });
  }

  #answer(delta: string, isAhead: boolean): void {
    if (!isAhead) this.#endReasoning("completed");
    this.#message ??= this.#beginMessage();
    const message = this.#message;
    message.text += delta;
    this.#options.send({ type: "response.output_text.delta", ...this.#at(message), delta });
  }

  #beginMessage(): Message {
    const { send, announce } = this.#options;
    const id = newId("item");
    const index = this.#items++;
    const item = messageItem(id, "in_progress", undefined);
    send({ type: "response.output_item.added", response_id: this.id, output_index: index, item });
    const previousItemId = this.#isAside ? null : announce(item);
    this.#converse({ type: "conversation.item.added", item, previous_item_id: previousItemId });
    const message: Message = { id, index, previousItemId, text: "" };
    send({ type: "response.content_part.added", ...this.#at(message), part: { type: "text", text: "" } });
    return message;
  }

  #endMessage(message: Message, status: "completed" | "incomplete"): MessageItem {
    const { send } = this.#options;
    const at = this.#at(message);
    const item = messageItem(message.id, status, message.text);
    send({ type: "response.output_text.done", ...at, text: message.text });
    send({ type: "response.content_part.done", ...at, part: { type: "text", text: message.text } });
    this.#converse({ type: "conversation.item.done", item, previous_item_id: message.previousItemId });
    this.#output.set(message.index, item);
    send({ type: "response.output_item.done", response_id: this.id, output_index: message.index, item });
    return item;
  }

  #sendCall({ name, arguments: args }: Call): void {
    const { send, announce } = this.#options;
    const index = this.#items++;
    const begun: FunctionCallItem = {
      id: newId("item"),
      object: "realtime.item",
      type: "function_call",
      status: "in_progress",
      call_id: newId("call"),
      name,
      arguments: "",
    };
    const item: FunctionCallItem = { ...begun, status: "completed", arguments: args };
    const at = { response_id: this.id, item_id: item.id, output_index: index, call_id: item.call_id };
    send({ type: "response.output_item.added", response_id: this.id, output_index: index, item: begun });
    const previous_item_id = this.#isAside ? null : announce(item);
    this.#converse({ type: "conversation.item.added", item: begun, previous_item_id });
    send({ type: "response.function_call_arguments.delta", ...at, delta: args });
    send({ type: "response.function_call_arguments.done", ...at, name, arguments: args });
    this.#converse({ type: "conversation.item.done", item, previous_item_id });
    this.#output.set(index, item);
    send({ type: "response.output_item.done", response_id: this.id, output_index: index, item });
  }

  get #isAside(): boolean {
    return this.#options.conversationId === null;
  }

  #converse(event: Parameters<Send>[0]): void {
    if (!this.#isAside) this.#options.send(event);
  }

  #at({ id, index }: Message) {
    return { response_id: this.id, item_id: id, output_index: index, content_index: 0 };
  }
}

function messageItem(id: string, status: MessageItem["status"], text: string | undefined): MessageItem {
  const content = text === undefined ? [] : [{ type: "output_text" as const, text }];
  return { id, object: "realtime.item", type: "message", status, role: "assistant", content };
}

function reasoningItem({ id, parts }: Reasoning, status: ReasoningItem["status"]): ReasoningItem {
  const content = parts.map((part) => ({ type: "reasoning_text" as const, ...part }));
  return { id, object: "realtime.item", type: "reasoning", status, content };
}

function statusOf(outcome: Outcome): { status: ResponseStatus; details: ResponseObject["status_details"] } {
  switch (outcome.status) {
    case "ended":
      if (outcome.end.reason !== "length") return { status: "completed", details: null };
      return { status: "incomplete", details: { type: "incomplete", reason: "max_output_tokens" } };
    case "cancelled":
      return { status: "cancelled", details: { type: "cancelled", reason: outcome.reason } };
    case "failed": {
      const { row, code, message } = outcome.error;
      return { status: "failed", details: { type: "failed", error: { type: row.wireType, code, message } } };
    }
  }
}

/** Never null on `response.done`: strict clients refuse that. What was not counted is 0. */
function usageOf(usage: GenerateUsage | undefined, dialect: Dialect): Usage {
  const { promptTokens = 0, audioTokens = 0, prefilledTokens = 0, thinkTokens = 0, answerTokens = 0 } = usage ?? {};
  const cachedTokens = usage?.cachedTokens ?? prefilledTokens;
  // A server's cache begins with the prompt, whose end is the audio.
  const mayBeAudio = usage?.cachedTokens === undefined ? cachedTokens : Math.max(0, cachedTokens - (promptTokens - audioTokens));
  const cachedAudio = Math.min(audioTokens, mayBeAudio);
  return {
    total_tokens: promptTokens + thinkTokens + answerTokens,
    input_tokens: promptTokens,
    output_tokens: thinkTokens + answerTokens,
    input_token_details: {
      text_tokens: promptTokens - audioTokens,
      audio_tokens: audioTokens,
      image_tokens: 0,
      cached_tokens: cachedTokens,
      cached_tokens_details: { text_tokens: cachedTokens - cachedAudio, audio_tokens: cachedAudio, image_tokens: 0 },
    },
    output_token_details: {
      text_tokens: thinkTokens + answerTokens,
      audio_tokens: 0,
      ...(dialect === "aloud" && { reasoning_tokens: thinkTokens }),
    },
  };
}
