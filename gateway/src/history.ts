/**
 * The conversation's items, oldest first: what the session says was said. The engine's cache is a copy of it and can be made
 * anew from it.
 */
import { AloudError, type MessageItem } from "@aloud/client/protocol";
import type { TextItem } from "@aloud/engine";
import { MAX_ITEMS } from "./limits.ts";

export class History {
  #items: readonly MessageItem[] = [];

  /**
   * Adds an item that came about by itself (speech, an answer); the oldest makes room.
   * @returns the id of the item before it
   */
  append(item: MessageItem): string | null {
    const previous = this.#items.at(-1)?.id ?? null;
    this.#items = [...this.#items.slice(-(MAX_ITEMS - 1)), item];
    return previous;
  }

  /**
   * Adds an item of the client's behind `previousItemId` (`root` is the beginning), or at the end.
   * @returns the id of the item before it, and whether it is the last one
   * @throws AloudError `item_not_found`, `conversation_full`, `invalid_value` for an id that exists
   */
  insert(item: MessageItem, previousItemId: string | null | undefined): { previous: string | null; place: "end" | "middle" } {
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

  find(id: string): MessageItem | undefined {
    return this.#items.find((item) => item.id === id);
  }

  /** @throws AloudError `item_not_found` */
  get(id: string, param = "item_id"): MessageItem {
    const item = this.find(id);
    if (item === undefined) throw new AloudError("item_not_found", `${param}: no item of this id is in the conversation`, { param });
    return item;
  }

  replace(item: MessageItem): void {
    this.#items = this.#items.map((old) => (old.id === item.id ? item : old));
  }

  /** @throws AloudError `item_not_found` */
  remove(id: string): void {
    this.#items = this.#items.toSpliced(this.#indexOf(id, "item_id"), 1);
  }

  lastId(): string | null {
    return this.#items.at(-1)?.id ?? null;
  }

  /**
   * The history as text, for a conversation that is opened anew. Speech without a transcript cannot be told again and is left out.
   * @param except items that the open turn will bring by itself
   */
  asText(except: ReadonlySet<string>): TextItem[] {
    return this.#items.flatMap(({ id, role, content }): TextItem[] => {
      if (except.has(id)) return [];
      const text = content.map((part) => (part.type === "input_audio" ? (part.transcript ?? "") : part.text)).join("\n");
      return text === "" ? [] : [{ type: "text", role, text }];
    });
  }

  #indexOf(id: string, param: string): number {
    this.get(id, param);
    return this.#items.findIndex((item) => item.id === id);
  }
}
