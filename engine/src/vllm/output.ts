/**
 * Sorts what a server streams into thought and answer, whichever of three ways it has: `reasoning`, `reasoning_content`, or one text with `</think>`
 * in it, which may come in two pieces. One per request. Pure.
 */
import { ChannelSplitter } from "../text/channel-splitter.ts";
import type { VllmProfile } from "./profiles.ts";
import type { StreamPiece } from "./reading.ts";

export interface Sorted {
  readonly thought: string;
  readonly answer: string;
}

export class OutputSorter {
  readonly #splitter: ChannelSplitter | undefined;
  #isSorted = false;
  #phase: "think" | "answer";
  #begun: boolean;

  /**
   * @param start what the prompt left open. After `answer` everything is answer: a server's parser takes a closed thought in the prompt for an open one.
   * @param begun whether what was left open has text already; its white space counts then
   */
  constructor(profile: VllmProfile, start: "think" | "answer", begun: boolean) {
    this.#phase = start;
    this.#begun = begun && start === "answer";
    if (start === "think" && profile.thinking !== undefined) {
      const markers = { [profile.thinking.open.trim()]: "semantic", [profile.thinking.close]: "answer" } as const;
      this.#splitter = new ChannelSplitter({ start: "semantic", begun, markers });
    }
  }

  get phase(): "think" | "answer" {
    return this.#phase;
  }

  push(piece: Extract<StreamPiece, { type: "piece" }>): Sorted {
    if (piece.usage?.isSorted || piece.reasoning !== "") this.#isSorted = true;
    if (this.#phase === "answer") return { thought: "", answer: this.#answer(piece.reasoning + piece.content) };
    if (this.#isSorted || this.#splitter === undefined) {
      if (piece.content === "") return { thought: piece.reasoning, answer: "" };
      this.#phase = "answer";
      return { thought: piece.reasoning, answer: this.#answer(piece.content) };
    }
    return this.#split(this.#splitter.scan(piece.content));
  }

  /** The output is over: what may have been the beginning of `</think>` is text after all. */
  end(): Sorted {
    return this.#phase === "think" && this.#splitter !== undefined ? this.#split(this.#splitter.end()) : { thought: "", answer: "" };
  }

  #split(parts: readonly { readonly channel: string; readonly text: string }[]): Sorted {
    let thought = "";
    let answer = "";
    // After the thought no mark is looked for, so nothing is held for one.
    const rest = this.#splitter?.channel === "answer" ? this.#splitter.end() : [];
    for (const { channel, text } of [...parts, ...rest]) {
      if (channel === "answer") answer += text;
      else thought += text;
    }
    if (this.#splitter?.channel === "answer") this.#phase = "answer";
    return { thought, answer: this.#answer(answer) };
  }

  #answer(text: string): string {
    const kept = this.#begun ? text : text.trimStart();
    if (kept !== "") this.#begun = true;
    return kept;
  }
}
