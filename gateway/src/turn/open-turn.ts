/** The turn that is open, as it went into the conversation with the engine: what a new conversation is given when that one is lost. */
import type { AudioChunk, HistoryItem } from "@aloud/engine";
import { fromPcm16, toPcm16 } from "../audio/pcm.ts";
import { MAX_TURN_AUDIO_MS } from "../limits.ts";

const SAMPLES_PER_MS = 16;

/** `itemId`: the conversation item that it belongs to. */
type Kept = { readonly itemId: string } & ({ readonly pcm: Int16Array } | { readonly item: HistoryItem });

export class OpenTurn {
  /** Undefined once it grew beyond the cap. */
  #kept: Kept[] | undefined = [];
  #samples = 0;
  /** Where the newest input begins. */
  #newest = 0;

  /** Whether everything of the turn is here. */
  get isWhole(): boolean {
    return this.#kept !== undefined;
  }

  /** Where in `pieces()` the newest input begins. */
  get newest(): number {
    return this.#newest;
  }

  /** Everything so far, in order. */
  pieces(): readonly (AudioChunk | HistoryItem)[] {
    return (this.#kept ?? []).map((kept) => ("pcm" in kept ? { type: "audio", samples: fromPcm16(kept.pcm) } : kept.item));
  }

  /** What follows is a new input of the turn. */
  begin(): void {
    this.#newest = this.#kept?.length ?? 0;
  }

  addItem(item: HistoryItem, itemId: string): void {
    this.#kept?.push({ item, itemId });
  }

  addAudio(samples: Float32Array, itemId: string): void {
    if (this.#kept === undefined) return;
    this.#samples += samples.length;
    // Longer than any turn the VAD allows: a push-to-talk monologue cannot be given to a second conversation.
    if (this.#samples > 2 * MAX_TURN_AUDIO_MS * SAMPLES_PER_MS) this.#kept = undefined;
    else this.#kept.push({ pcm: toPcm16(samples), itemId });
  }

  /** The newest input was thrown away. */
  forgetNewest(): void {
    this.#kept?.splice(this.#newest);
  }

  /** An item was deleted. */
  remove(itemId: string): void {
    if (this.#kept === undefined) return;
    this.#newest = this.#kept.slice(0, this.#newest).filter((kept) => kept.itemId !== itemId).length;
    this.#kept = this.#kept.filter((kept) => kept.itemId !== itemId);
  }

  /** The turn was answered. */
  clear(): void {
    this.#kept = [];
    this.#samples = 0;
    this.#newest = 0;
  }
}
