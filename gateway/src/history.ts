/**
 * The conversation's items, oldest first: what the session says was said. The engine's cache is a copy of it and can be made
 * anew from it.
 */
import { AloudError, type ConversationItem, type FunctionCallItem } from "@aloud/client/protocol";
import type { HistoryItem } from "@aloud/engine";
import { MAX_ITEMS } from "./limits.ts";

export class History {
  #items: readonly ConversationItem[] = [];
  /** Items that the conversation has outgrown: the model is not told of them any more, but they can be looked up. */
  #outgrown: ReadonlySet<string> = new Set();

  /**
   * Adds an item that came about by itself (speech, an answer); the oldest makes room.
   * @returns the id of the item before it
   */
  append(item: ConversationItem): string | null {
    const previous = this.#items.at(-1)?.id ?? null;
    this.#items = [...this.#items.slice(-(MAX_ITEMS - 1)), item];
    return previous;
  }

  /**
   * Adds an item of the client's behind `previousItemId` (`root` is the beginning), or at the end.
   * @returns the id of the item before it, and whether it is the last one
   * @throws AloudError `item_not_found`, `conversation_full`, `invalid_value` for an id that exists
   */
  insert(item: ConversationItem, previousItemId: string | null | undefined): { previous: string | null; place: "end" | "middle" } {
    if (this.#items.length >= MAX_ITEMS) throw new AloudError("conversation_full", `the conversation holds ${MAX_ITEMS} items already`);
    if (this.find(item.id)) throw new AloudError("invalid_value", "item.id: an item of this id exists already", { param: "item.id" });
    const at =
      previousItemId === undefined || previousItemId === null
        ? this.#items.length
        : previousItemId === "root"
          ? 0
          : this.#indexOf(previousItemId, "previous_item_id") + 1;
    const place = at === this.#items.length ? "end" : "middle";
    this.#items = this.#items.toSpliced(at, 0, item);
    return { previous: this.#items[at - 1]?.id ?? null, place };
  }

  find(id: string): ConversationItem | undefined {
    return this.#items.find((item) => item.id === id);
  }

  /** @throws AloudError `item_not_found`, or the code given */
  get(id: string, param = "item_id", code: "item_not_found" | "item_retrieve_invalid_item_id" = "item_not_found"): ConversationItem {
    const item = this.find(id);
    if (item === undefined) throw new AloudError(code, `${param}: no item of this id is in the conversation`, { param });
    return item;
  }

  replace(item: ConversationItem): void {
    this.#items = this.#items.map((old) => (old.id === item.id ? item : old));
  }

  /** @throws AloudError `item_not_found` */
  remove(id: string): void {
    this.#items = this.#items.toSpliced(this.#indexOf(id, "item_id"), 1);
  }

  /**
   * The call that a result belongs to, and whether it was the only one of its response: results of several calls are put into the order of
   * the calls, so the model gets them together.
   * @throws AloudError `item_not_found`
   */
  callOf(callId: string): "only" | "one of several" {
    const index = this.#items.findLastIndex((item) => item.type === "function_call" && item.call_id === callId);
    if (index < 0)
      throw new AloudError("item_not_found", "item.call_id: no function call of this id is in the conversation", { param: "item.call_id" });
    const isCall = (at: number) => this.#items[at]?.type === "function_call";
    return isCall(index - 1) || isCall(index + 1) ? "one of several" : "only";
  }

  /** What the model could be told, oldest first. */
  told(): readonly ConversationItem[] {
    return this.#items.filter(({ id }) => !this.#outgrown.has(id));
  }

  /** The model is not told of these any more. */
  outgrow(ids: readonly string[]): void {
    this.#outgrown = new Set([...this.#outgrown, ...ids].filter((id) => this.find(id) !== undefined));
  }

  /**
   * The history as a conversation that is opened anew is told it. Speech without a transcript cannot be told again and is left out.
   * @param except items that the open turn will bring by itself
   */
  toEngine(except: ReadonlySet<string> = new Set()): HistoryItem[] {
    return engineItems(this.told().filter(({ id }) => !except.has(id)));
  }

  #indexOf(id: string, param: string): number {
    this.get(id, param);
    return this.#items.findIndex((item) => item.id === id);
  }
}

/** What an engine is told of items: text, calls, and the results of calls in the order of the calls, whichever came first. */
export function engineItems(items: readonly ConversationItem[]): HistoryItem[] {
  const calls = items.filter((item): item is FunctionCallItem => item.type === "function_call").map((item) => item.call_id);
  const told: HistoryItem[] = [];
  let results: { readonly call: number; readonly text: string }[] = [];
  const flush = () => {
    told.push(...results.toSorted((a, b) => a.call - b.call).map(({ text }) => ({ type: "text", role: "tool", text }) as const));
    results = [];
  };
  for (const item of items) {
    if (item.type === "function_call_output") {
      results.push({ call: calls.lastIndexOf(item.call_id), text: item.output });
      continue;
    }
    flush();
    const one = engineItem(item);
    if (one !== undefined) told.push(one);
  }
  flush();
  return told;
}

/** Undefined for speech of which no words are known. */
export function engineItem(item: ConversationItem): HistoryItem | undefined {
  if (item.type === "function_call") return { type: "tool_call", name: item.name, arguments: item.arguments || "{}" };
  const text = textOf(item);
  if (item.type === "function_call_output") return { type: "text", role: "tool", text };
  return text === "" ? undefined : { type: "text", role: item.role, text };
}

/** All words of an item. */
export function textOf(item: ConversationItem): string {
  if (item.type === "function_call") return `${item.name} ${item.arguments}`;
  if (item.type === "function_call_output") return item.output;
  return item.content.map((part) => (part.type === "input_audio" ? (part.transcript ?? "") : part.text)).join("\n");
}
