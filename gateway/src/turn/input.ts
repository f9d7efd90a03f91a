/**
 * The user's inputs on the wire: the item of each, and its transcript as it grows. An input is the audio of one turn; its item
 * id is known from the start of speech, the item itself is announced when the input is committed.
 */
import type { Dialect, MessageItem } from "@aloud/client/protocol";
import type { Prefilled } from "@aloud/engine";
import type { History } from "../history.ts";
import { newId } from "../wire/ids.ts";
import type { Send } from "../wire/outlet.ts";
import type { TurnId } from "./turn.ts";

/** Inputs whose transcript is still to come; the oldest is given up. */
const MAX_INPUTS = 8;

interface Input {
  readonly itemId: string;
  samples: number;
  /** `begun`: the client knows of it, from the start of speech on. */
  state: "open" | "begun" | "committed";
  /** How much of the stable transcript has been sent. */
  sent: number;
  stable: string;
  /** The words as far as they are known. */
  words: string | undefined;
  /** Whether the words are final. */
  verdict: "growing" | "final";
}

export interface InputsOptions {
  readonly dialect: Dialect;
  readonly history: History;
  readonly send: Send;
  /** Whether the session asked for the user's words. */
  readonly transcribes: () => boolean;
}

export class Inputs {
  readonly #options: InputsOptions;
  readonly #inputs = new Map<TurnId, Input>();

  constructor(options: InputsOptions) {
    this.#options = options;
  }

  /** The item id of a turn's input, which begins if it has not yet. */
  itemId(turnId: TurnId): string {
    return this.#input(turnId).itemId;
  }

  /** The client is told of the input now; returns its item id. */
  begin(turnId: TurnId): string {
    const input = this.#input(turnId);
    input.state = "begun";
    return input.itemId;
  }

  hasAudio(turnId: TurnId): boolean {
    return (this.#inputs.get(turnId)?.samples ?? 0) > 0;
  }

  add(turnId: TurnId, samples: number): void {
    this.#input(turnId).samples += samples;
  }

  /** The client threw the audio away before it was committed. */
  discard(turnId: TurnId): void {
    if (this.#inputs.get(turnId)?.state !== "committed") this.#inputs.delete(turnId);
  }

  /** The item was deleted: nobody asks for its words any more. */
  remove(itemId: string): void {
    for (const [turnId, input] of this.#inputs) if (input.itemId === itemId && input.state === "committed") this.#inputs.delete(turnId);
  }

  /** Announces the item: `committed`, `added`, `done`. Returns its id. */
  commit(turnId: TurnId): string {
    const { send, history } = this.#options;
    const input = this.#input(turnId);
    const item: MessageItem = {
      id: input.itemId,
      object: "realtime.item",
      type: "message",
      status: "completed",
      role: "user",
      content: [{ type: "input_audio", transcript: null }],
    };
    const previous_item_id = history.append(item);
    send({ type: "input_audio_buffer.committed", item_id: item.id, previous_item_id });
    send({ type: "conversation.item.added", item, previous_item_id });
    send({ type: "conversation.item.done", item, previous_item_id });
    input.state = "committed";
    if (input.verdict === "final") this.#complete(turnId, input);
    else this.#sendGrowth(input);
    return item.id;
  }

  /** The model took in more of the open turn. */
  grow(turnId: TurnId, { transcript }: Prefilled): void {
    const input = this.#inputs.get(turnId);
    if (input === undefined || transcript === undefined || input.verdict === "final") return;
    input.stable = transcript.stable;
    input.words = (transcript.stable + transcript.tail).trim();
    this.#sendGrowth(input);
  }

  /** The final words, or none when what has grown so far is all there will be. */
  settle(turnId: TurnId, words: string | undefined): void {
    const input = this.#inputs.get(turnId);
    if (input === undefined) return;
    input.words = words ?? input.words;
    input.verdict = "final";
    if (input.state === "committed") this.#complete(turnId, input);
  }

  /** Whatever has been committed gets no more words than it has. */
  settleCommitted(): void {
    for (const [turnId, input] of this.#inputs) if (input.state === "committed") this.settle(turnId, undefined);
  }

  /** A draft was taken back: its words were those of half a turn. */
  unsettle(turnId: TurnId): void {
    const input = this.#inputs.get(turnId);
    if (input !== undefined) input.verdict = "growing";
  }

  #input(turnId: TurnId): Input {
    const known = this.#inputs.get(turnId);
    if (known) return known;
    const input: Input = { itemId: newId("item"), samples: 0, state: "open", sent: 0, stable: "", words: undefined, verdict: "growing" };
    this.#inputs.set(turnId, input);
    for (const oldest of this.#inputs.keys()) {
      if (this.#inputs.size <= MAX_INPUTS) break;
      this.#inputs.delete(oldest);
    }
    return input;
  }

  /** An input that the client has not been told of, with push-to-talk, has words only for our own dialect: nobody else would know whose they are. */
  #sendGrowth(input: Input): void {
    if (!this.#options.transcribes() || (input.state === "open" && this.#options.dialect === "realtime")) return;
    const delta = input.stable.slice(input.sent);
    if (delta === "") return;
    input.sent = input.stable.length;
    this.#options.send({ type: "conversation.item.input_audio_transcription.delta", item_id: input.itemId, content_index: 0, delta });
  }

  #complete(turnId: TurnId, { itemId, words, samples }: Input): void {
    this.#inputs.delete(turnId);
    const { history, send } = this.#options;
    const item = history.find(itemId);
    // The history keeps the words in any case: a conversation that has to be opened anew is told them.
    if (item?.type === "message" && words !== undefined)
      history.replace({ ...item, content: [{ type: "input_audio", transcript: words }] });
    if (!this.#options.transcribes()) return;
    if (words === undefined || words === "") {
      const message = words === undefined ? "the model gives no transcripts" : "no words were understood";
      send({
        type: "conversation.item.input_audio_transcription.failed",
        item_id: itemId,
        content_index: 0,
        error: { type: "transcription_error", code: "audio_unintelligible", message },
      });
      return;
    }
    const usage = { type: "duration", seconds: samples / 16_000 } as const;
    send({
      type: "conversation.item.input_audio_transcription.completed",
      item_id: itemId,
      content_index: 0,
      transcript: words,
      usage,
    });
  }
}
