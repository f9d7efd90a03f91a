/** What clients ask of the conversation's items: add, look up, delete, truncate. Each is done in the history, for the model, and on the wire. */
import { AloudError, type AudioFormat, type ClientEvent } from "@aloud/client/protocol";
import { decodeAudio, rateOf } from "./audio/pcm.ts";
import { resample } from "./audio/resample.ts";
import { engineItem, type History } from "./history.ts";
import type { Dialogue } from "./turn/dialogue.ts";
import type { Inputs } from "./turn/input.ts";
import type { Performer } from "./turn/perform.ts";
import { audioOf, clientItem } from "./wire/items.ts";
import type { Send } from "./wire/outlet.ts";

const MODEL_RATE_HZ = 16_000;

type Request<T extends ClientEvent["type"]> = Extract<ClientEvent, { type: T }>;
export type ItemRequest = Request<
  "conversation.item.create" | "conversation.item.retrieve" | "conversation.item.delete" | "conversation.item.truncate"
>;

export interface ItemsOptions {
  readonly history: History;
  readonly dialogue: Dialogue;
  readonly performer: Performer;
  readonly inputs: Inputs;
  readonly send: Send;
  readonly format: () => AudioFormat;
}

export class Items {
  readonly #options: ItemsOptions;

  constructor(options: ItemsOptions) {
    this.#options = options;
  }

  /** @throws AloudError and then nothing has changed */
  handle(request: ItemRequest): void {
    const { history, send } = this.#options;
    switch (request.type) {
      case "conversation.item.create":
        this.#create(request);
        return;
      case "conversation.item.retrieve": {
        const item = history.get(request.item_id, "item_id", "item_retrieve_invalid_item_id");
        send({ type: "conversation.item.retrieved", item });
        return;
      }
      case "conversation.item.delete":
        this.#delete(request.item_id);
        return;
      case "conversation.item.truncate":
        this.#truncate(request);
    }
  }

  #create({ item: input, previous_item_id }: Request<"conversation.item.create">): void {
    const { history, dialogue, performer, send, format } = this.#options;
    const item = clientItem(input);
    const audio = audioOf(input).map((base64) => resample(decodeAudio(base64, format()), rateOf(format()), MODEL_RATE_HZ));
    // Results of several calls reach the model together, in the order of the calls: from the history, where they have an order.
    const isLoose = item.type === "function_call_output" && history.callOf(item.call_id) === "one of several";
    const { previous, place } = history.insert(item, previous_item_id);
    if (place === "end" && !isLoose) {
      performer.addUnanswered(item.id);
      for (const samples of audio) dialogue.hear(samples, item.id);
      const told = engineItem(item);
      if (told !== undefined) dialogue.say(told, item.id);
    } else dialogue.reopen();
    send({ type: "conversation.item.added", item, previous_item_id: previous });
    send({ type: "conversation.item.done", item, previous_item_id: previous });
  }

  #delete(itemId: string): void {
    const { history, dialogue, performer, inputs, send } = this.#options;
    history.remove(itemId);
    performer.removeUnanswered(itemId);
    inputs.remove(itemId);
    dialogue.unsay(itemId);
    dialogue.reopen();
    send({ type: "conversation.item.deleted", item_id: itemId });
  }

  /** Answers are text, which was read when it was sent: there is no unplayed audio to cut off, and nothing is. */
  #truncate({ item_id, content_index, audio_end_ms }: Request<"conversation.item.truncate">): void {
    const { history, send } = this.#options;
    const item = history.get(item_id);
    if (item.type !== "message" || item.role !== "assistant")
      throw new AloudError("invalid_value", "item_id: expected a message of the assistant", { param: "item_id" });
    send({ type: "conversation.item.truncated", item_id, content_index: content_index ?? 0, audio_end_ms: audio_end_ms ?? 0 });
  }
}
