/**
 * Finds marks that a model writes as text (`</think>`), also when a mark is cut across deltas: the end of a delta that could
 * become a mark is held back until it is decided. Pure; at most one mark's length is held.
 */
import type { Mark, Piece } from "./splitter.ts";

export type TextMarks = readonly (readonly [text: string, mark: Mark])[];

export interface Scanned {
  readonly pieces: readonly Piece[];
  /** The undecided end; pass it to the next call. */
  readonly held: string;
}

export function scanMarks(marks: TextMarks, held: string, delta: string): Scanned {
  const pieces: Piece[] = [];
  let text = held + delta;
  for (;;) {
    const found = firstMark(marks, text);
    if (found === undefined) break;
    if (found.at > 0) pieces.push({ type: "text", text: text.slice(0, found.at) });
    pieces.push({ type: "mark", mark: found.mark });
    text = text.slice(found.at + found.length);
  }
  const undecided = longestMarkStart(marks, text);
  const decided = text.slice(0, text.length - undecided);
  if (decided !== "") pieces.push({ type: "text", text: decided });
  return { pieces, held: text.slice(text.length - undecided) };
}

/** What was held back is text after all when nothing follows. */
export function flushMarks(held: string): readonly Piece[] {
  return held === "" ? [] : [{ type: "text", text: held }];
}

function firstMark(marks: TextMarks, text: string): { at: number; length: number; mark: Mark } | undefined {
  let first: { at: number; length: number; mark: Mark } | undefined;
  for (const [spelling, mark] of marks) {
    const at = text.indexOf(spelling);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, length: spelling.length, mark };
  }
  return first;
}

/** Length of the longest end of `text` that begins a mark. */
function longestMarkStart(marks: TextMarks, text: string): number {
  let longest = 0;
  for (const [spelling] of marks) {
    for (let length = Math.min(spelling.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(spelling.slice(0, length))) longest = length;
    }
  }
  return longest;
}
