/**
 * Which sequences of server events are legal, told from OpenAI's schema and what stock clients rely on, and not from our code: it knows no
 * turn, no engine and no timer. Give it the events of one session in order; it throws at the first that may not come where it comes.
 */
import type { WireEvent } from "./client.ts";

interface Item {
  readonly type: string;
  state: "added" | "done";
  words: "none" | "growing" | "final";
}

interface Output {
  readonly item: WireEvent;
  readonly isSpoken: boolean;
  text: string;
  arguments: string;
  state: "added" | "part" | "text done" | "part done" | "arguments" | "done";
}

interface Response {
  readonly isInConversation: boolean;
  readonly output: Output[];
}

const TERMINAL = new Set(["completed", "cancelled", "failed", "incomplete"]);

export class EventGrammar {
  readonly #items = new Map<string, Item>();
  readonly #order: string[] = [];
  readonly #ids = new Set<string>();
  readonly #responses = new Map<string, Response>();
  readonly #finished = new Set<string>();
  /** Inputs that began and were neither committed nor thrown away; the item that has to be announced next. */
  readonly #speaking = new Set<string>();
  #expected: { readonly type: string; readonly id: string } | undefined;
  #session: "none" | "open" = "none";
  readonly #dialect: "realtime" | "aloud";

  constructor(dialect: "realtime" | "aloud") {
    this.#dialect = dialect;
  }

  /** Items of the conversation, oldest first, as a client knows them. */
  get order(): readonly string[] {
    return this.#order;
  }

  /** Responses that have begun and not ended. */
  get openResponses(): readonly string[] {
    return [...this.#responses.keys()];
  }

  /** @throws Error at an event that may not come here */
  accept(event: WireEvent): void {
    this.#must(!this.#ids.has(event.event_id), event, "has an id that was used before");
    this.#ids.add(event.event_id);
    const expected = this.#expected;
    if (expected !== undefined) {
      const id = event.item_id ?? event.item?.id;
      this.#must(event.type === expected.type && id === expected.id, event, `comes where ${expected.type} must`);
    }
    this.#expected = undefined;
    this.#must((event.type === "session.created") === (this.#session === "none"), event, "is not the first, or comes twice");
    this.#session = "open";
    if (event.type.startsWith("response.")) this.#response(event);
    else if (event.type.startsWith("input_audio_buffer.")) this.#input(event);
    else if (event.type.startsWith("conversation.item.")) this.#item(event);
    else if (event.type === "error") this.#must(event.error.code !== "internal_error", event, "tells of a bug");
    else this.#must(/^(session\.(created|updated)|aloud\..*)$/.test(event.type), event, "is of no known type");
  }

  #must(condition: boolean, event: WireEvent, what: string): asserts condition {
    if (!condition) throw new Error(`${event.type} ${what}: ${JSON.stringify(event)}`);
  }

  #input(event: WireEvent): void {
    const { item_id } = event;
    const isNew = !this.#items.has(item_id) && !this.#speaking.has(item_id);
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.#must(isNew, event, "begins an input that there is");
        this.#speaking.add(item_id);
        return;
      case "input_audio_buffer.speech_stopped":
        this.#must(this.#speaking.has(item_id), event, "ends an input that did not begin");
        this.#expected = { type: "input_audio_buffer.committed", id: item_id };
        return;
      case "input_audio_buffer.timeout_triggered":
        this.#must(isNew, event, "begins an input that there is");
        this.#must(event.audio_end_ms >= event.audio_start_ms, event, "ends before it begins");
        this.#expected = { type: "input_audio_buffer.committed", id: item_id };
        return;
      case "input_audio_buffer.committed":
        this.#must(!this.#items.has(item_id), event, "commits an item twice");
        this.#speaking.delete(item_id);
        this.#expected = { type: "conversation.item.added", id: item_id };
        return;
      default:
        this.#must(event.type === "input_audio_buffer.cleared", event, "is of no known type");
        this.#speaking.clear();
    }
  }

  #item(event: WireEvent): void {
    const id = event.item_id ?? event.item.id;
    const item = this.#items.get(id);
    // Words of whoever is still speaking; with push-to-talk only our own client is told them.
    if (event.type.endsWith("transcription.delta") && item === undefined) {
      this.#must(this.#dialect === "aloud" || this.#speaking.has(id), event, "has words of an input that nobody knows of");
      this.#speaking.add(id);
      return;
    }
    if (event.type === "conversation.item.added") {
      this.#must(item === undefined, event, "adds an item twice");
      const { previous_item_id: previous } = event;
      this.#must(previous === null || this.#order.includes(previous), event, "follows an item that is not there");
      this.#order.splice(this.#order.indexOf(previous) + 1, 0, id);
      this.#items.set(id, { type: event.item.type, state: "added", words: "none" });
      if (event.item.status === "completed") this.#expected = { type: "conversation.item.done", id };
      return;
    }
    this.#must(item !== undefined, event, "concerns an item that was never there");
    const kind = event.type.replace("conversation.item.", "");
    if (kind === "done") {
      this.#must(item.state === "added", event, "finishes an item twice");
      item.state = "done";
    } else if (kind.startsWith("input_audio_transcription.")) {
      this.#must(item.words !== "final" && this.#order.includes(id), event, "transcribes what is transcribed, or deleted");
      item.words = kind.endsWith(".delta") ? "growing" : "final";
    } else {
      this.#must(["retrieved", "deleted", "truncated"].includes(kind), event, "is of no known type");
      this.#must(this.#order.includes(id), event, "concerns an item that was deleted");
      if (kind === "deleted") this.#order.splice(this.#order.indexOf(id), 1);
    }
  }

  #response(event: WireEvent): void {
    if (event.type === "response.created") {
      const { id, conversation_id, status } = event.response;
      this.#must(!this.#responses.has(id) && !this.#finished.has(id), event, "begins a response twice");
      const isInConversation = conversation_id !== null;
      const isTaken = [...this.#responses.values()].some((other) => other.isInConversation);
      this.#must(!(isInConversation && isTaken), event, "begins a second response in the conversation");
      this.#must(status === "in_progress" && event.response.output.length === 0, event, "begins with something done");
      this.#responses.set(id, { isInConversation, output: [] });
      return;
    }
    const id = event.response_id ?? event.response.id;
    const response = this.#responses.get(id);
    this.#must(response !== undefined, event, "belongs to no response that runs");
    if (event.type === "response.done") {
      const { status, usage, output } = event.response;
      this.#must(TERMINAL.has(status) && usage !== null && "status_details" in event.response, event, "does not say how it ended");
      this.#must(
        response.output.every(({ state }) => state === "done"),
        event,
        "leaves an item open",
      );
      const ids = response.output.map(({ item }) => item.id);
      this.#must(JSON.stringify(output.map((item: WireEvent) => item.id)) === JSON.stringify(ids), event, "lists other items than it sent");
      this.#responses.delete(id);
      this.#finished.add(id);
      return;
    }
    if (event.type === "response.output_item.added") {
      this.#must(event.output_index === response.output.length && event.item.status === "in_progress", event, "is out of order");
      const isSpoken = event.item.type === "message";
      response.output.push({ item: event.item, isSpoken, text: "", arguments: "", state: "added" });
      if (response.isInConversation && event.item.type !== "reasoning")
        this.#expected = { type: "conversation.item.added", id: event.item.id };
      return;
    }
    const output = response.output[event.output_index];
    this.#must(output !== undefined && output.item.id === (event.item_id ?? event.item.id), event, "belongs to no item of its response");
    this.#output(event, output, response);
  }

  #output(event: WireEvent, output: Output, { isInConversation }: Response): void {
    const step = (from: Output["state"], to: Output["state"]) => {
      this.#must(output.state === from, event, `comes when the item is at "${output.state}"`);
      output.state = to;
    };
    switch (event.type) {
      case "response.content_part.added":
        step("added", "part");
        return;
      case "response.output_text.delta":
        output.text += event.delta;
        step("part", "part");
        return;
      case "response.output_text.done":
        this.#must(event.text === output.text, event, "is not the sum of its deltas");
        step("part", "text done");
        return;
      case "response.content_part.done":
        step("text done", "part done");
        return;
      case "response.function_call_arguments.delta":
        output.arguments += event.delta;
        step("added", "added");
        return;
      case "response.function_call_arguments.done":
        this.#must(event.arguments === output.arguments && event.call_id === output.item.call_id, event, "is not what was sent");
        step("added", "arguments");
        return;
      case "response.reasoning_text.delta":
      case "response.reasoning_text.done":
        this.#must(output.item.type === "reasoning", event, "thinks in a message");
        step("added", "added");
        return;
      default: {
        this.#must(event.type === "response.output_item.done", event, "is of no known type");
        const { type } = output.item;
        const isAnnounced = !isInConversation || type === "reasoning" || this.#items.get(output.item.id)?.state === "done";
        this.#must(isAnnounced, event, "comes before its conversation.item.done");
        step(type === "reasoning" ? "added" : type === "message" ? "part done" : "arguments", "done");
      }
    }
  }
}

/** All events of a session so far. @throws Error at the first that may not come where it comes */
export function readLegal(dialect: "realtime" | "aloud", events: readonly WireEvent[]): EventGrammar {
  const grammar = new EventGrammar(dialect);
  for (const event of events) grammar.accept(event);
  return grammar;
}
