/** What waits for the engine: operations in the order in which they take effect. Audio that waits is taken in larger pieces. */
import { AloudError } from "@aloud/client/protocol";
import type { ConversationSetup, HistoryItem } from "@aloud/engine";
import { MAX_BACKLOG_AUDIO_MS } from "../limits.ts";
import type { AnswerRequest } from "./generation.ts";
import type { GenerationId, TurnId } from "./turn.ts";

const SAMPLES_PER_MS = 16;
/** Audio that waits is appended in pieces of at most this, so that a long backlog is not one long wait. */
const MAX_APPEND_SAMPLES = 1_000 * SAMPLES_PER_MS;

export interface Generation extends AnswerRequest {
  readonly generation: GenerationId;
  readonly turnId: TurnId;
  /** What the answer is made from instead of the session's settings. With `items`, the conversation and the open turn are left out. */
  readonly own?: ConversationSetup | undefined;
  readonly abort: AbortController;
}

export type Operation =
  | { readonly do: "begin"; readonly turnId: TurnId }
  | { readonly do: "audio"; readonly samples: Float32Array; readonly itemId: string }
  | { readonly do: "item"; readonly item: HistoryItem; readonly itemId: string }
  | ({ readonly do: "generate" } & Generation)
  | { readonly do: "rollback"; readonly generation: GenerationId }
  | { readonly do: "forget" }
  | { readonly do: "transcribe"; readonly turnId: TurnId };

export class Operations {
  #waiting: Operation[] = [];
  #samples = 0;

  /** Audio that waits, in ms. */
  waitingMs(): number {
    return this.#samples / SAMPLES_PER_MS;
  }

  /** @throws AloudError `input_audio_buffer_full` when too much audio waits already; nothing of this is kept then */
  push(operation: Operation): void {
    if (operation.do === "audio") {
      if (this.waitingMs() + operation.samples.length / SAMPLES_PER_MS > MAX_BACKLOG_AUDIO_MS)
        throw new AloudError("input_audio_buffer_full", `more than ${MAX_BACKLOG_AUDIO_MS} ms of audio wait for the model`);
      this.#samples += operation.samples.length;
    }
    this.#waiting.push(operation);
  }

  /** Takes the next one; audio of one item that waits in a row comes as one. */
  shift(): Operation | undefined {
    const first = this.#waiting.shift();
    if (first?.do !== "audio") return first;
    const { itemId } = first;
    const pieces = [first.samples];
    let length = first.samples.length;
    for (
      let next = this.#waiting[0];
      next?.do === "audio" && next.itemId === itemId && length < MAX_APPEND_SAMPLES;
      next = this.#waiting[0]
    ) {
      pieces.push(next.samples);
      length += next.samples.length;
      this.#waiting.shift();
    }
    this.#samples -= length;
    return { do: "audio", samples: concatenate(pieces, length), itemId };
  }

  hasGenerate(): boolean {
    return this.#waiting.some((operation) => operation.do === "generate");
  }

  /** @returns whether it had not begun yet; it never will */
  dropGenerate(generation: GenerationId): boolean {
    const index = this.#waiting.findIndex((operation) => operation.do === "generate" && operation.generation === generation);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  /** Drops everything of an item. */
  dropItem(itemId: string): void {
    const isOf = (operation: Operation) => "itemId" in operation && operation.itemId === itemId;
    for (const operation of this.#waiting) if (isOf(operation) && operation.do === "audio") this.#samples -= operation.samples.length;
    this.#waiting = this.#waiting.filter((operation) => !isOf(operation));
  }

  clear(): void {
    this.#waiting = [];
    this.#samples = 0;
  }
}

function concatenate(pieces: readonly Float32Array[], length: number): Float32Array {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const whole = new Float32Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
