/**
 * The live transcript: greedy CTC over the encoder's frames (Graves et al. 2006). Classes are word pieces; one that begins a word begins with a
 * space. The encoder is block-causal, so what a frame said is never revised; only the last word may be unfinished.
 */

export interface CtcState {
  readonly text: string;
  /** The class of the last frame. */
  readonly last: number;
  /** Blank frames since the last piece. */
  readonly blanks: number;
}

export interface CtcVocabulary {
  readonly blank: number;
  readonly vocab: readonly string[];
}

/** A transcript of an hour of speech stays below this; a stream that never ends forgets its beginning. */
const MAX_TEXT_LENGTH = 65_536;
/** So long a pause ends a word: 480 ms at 50 frames a second. Within words there are none. */
const PAUSE_FRAMES = 24;

export function initialCtc({ blank }: CtcVocabulary): CtcState {
  return { text: "", last: blank, blanks: 0 };
}

/** @param logits [frames, classes] row-major */
export function readCtc(state: CtcState, logits: Float32Array, classes: number, { blank, vocab }: CtcVocabulary): CtcState {
  let { text, last, blanks } = state;
  for (let from = 0; from + classes <= logits.length; from += classes) {
    let best = 0;
    for (let i = 1; i < classes; i += 1) if ((logits[from + i] ?? 0) > (logits[from + best] ?? 0)) best = i;
    if (best !== blank && best !== last) {
      const piece = vocab[best] ?? "";
      text += text === "" || text.endsWith(" ") ? piece.trimStart() : piece;
    }
    blanks = best === blank ? blanks + 1 : 0;
    last = best;
  }
  return { text: text.slice(-MAX_TEXT_LENGTH), last, blanks };
}

/**
 * The words that are certain and the one that may still grow: together the whole text. A word is certain when the next has begun or a pause
 * followed it. (Should a piece come after the pause that belongs to the word, the certain text grows by it: it is never taken back.)
 */
export function splitTranscript({ text, blanks }: CtcState): { stable: string; tail: string } {
  const end = blanks >= PAUSE_FRAMES ? text.length : text.lastIndexOf(" ") + 1;
  return { stable: text.slice(0, end), tail: text.slice(end) };
}
