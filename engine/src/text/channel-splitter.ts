/**
 * Sorts generated text into channels. A model marks channels either with control tokens, which the caller reports with `mark`, or
 * with plain text such as `</think>`, which `scan` finds even when it is split across pieces. Pure: it holds the text it has yet to decide about and
 * nothing else.
 */
import type { Channel } from "../engine.ts";

/** Channels of generated text. Tool calls leave the engine parsed, never as text. */
export type MarkedChannel = Channel | "tool_call";

export interface ChannelText {
  readonly channel: MarkedChannel;
  readonly text: string;
}

/** What a marker does: begin a channel, or end the one that interrupted another (`return`). */
export type MarkerEffect = MarkedChannel | "return";

export interface SplitterRules {
  /** The channel that the prompt left open: `semantic` after `<think>`, `answer` after `<think></think>`. */
  readonly start: MarkedChannel;
  /** Whether `start` already has text, as when an answer is continued: then its white space counts. */
  readonly begun?: boolean;
  readonly markers: Readonly<Record<string, MarkerEffect>>;
}

export class ChannelSplitter {
  readonly #markers: ReadonlyMap<string, MarkerEffect>;
  #channel: MarkedChannel;
  #interrupted: MarkedChannel | undefined;
  /** Whether the channel has text; leading white space is dropped until it has. */
  #begun: boolean;
  /** Text that may be the beginning of a marker. Shorter than the longest marker. */
  #held = "";

  constructor({ start, begun = false, markers }: SplitterRules) {
    this.#channel = start;
    this.#begun = begun;
    this.#markers = new Map(Object.entries(markers));
  }

  get channel(): MarkedChannel {
    return this.#channel;
  }

  /** Text in which no marker is looked for, because the model marks with control tokens. */
  plain(text: string): ChannelText[] {
    const kept = this.#begun ? text : text.trimStart();
    if (kept === "") return [];
    this.#begun = true;
    return [{ channel: this.#channel, text: kept }];
  }

  /**
   * A control token. One that is no marker has no effect, and neither has one that would begin thinking after the answer began: an answer
   * cannot slip back to where it is shown as a thought.
   */
  mark(marker: string): void {
    const effect = this.#markers.get(marker);
    if (effect === undefined || effect === this.#channel) return;
    if ((effect === "semantic" || effect === "acoustic") && (this.#channel === "answer" || this.#channel === "tool_call")) return;
    if (effect === "return") this.#channel = this.#interrupted ?? this.#channel;
    else {
      this.#interrupted = effect === "tool_call" ? this.#channel : undefined;
      this.#channel = effect;
    }
    this.#begun = false;
  }

  /** Text in which markers may stand. What could be the beginning of one is held until it is decided. */
  scan(text: string): ChannelText[] {
    const out: ChannelText[] = [];
    let rest = this.#held + text;
    this.#held = "";
    for (;;) {
      const found = this.#firstMarker(rest);
      if (found === undefined) break;
      out.push(...this.plain(rest.slice(0, found.at)));
      this.mark(found.marker);
      rest = rest.slice(found.at + found.marker.length);
    }
    const keep = this.#partialMarkerLength(rest);
    out.push(...this.plain(rest.slice(0, rest.length - keep)));
    this.#held = rest.slice(rest.length - keep);
    return out;
  }

  /** The end of the output: what was held is text after all. */
  end(): ChannelText[] {
    const held = this.#held;
    this.#held = "";
    return this.plain(held);
  }

  #firstMarker(text: string): { at: number; marker: string } | undefined {
    let first: { at: number; marker: string } | undefined;
    for (const marker of this.#markers.keys()) {
      const at = text.indexOf(marker);
      if (at >= 0 && (first === undefined || at < first.at)) first = { at, marker };
    }
    return first;
  }

  #partialMarkerLength(text: string): number {
    let longest = 0;
    for (const marker of this.#markers.keys()) {
      for (let length = Math.min(marker.length - 1, text.length); length > longest; length -= 1) {
        if (text.endsWith(marker.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
