/**
 * The live transcript: greedy CTC over the encoder's frames (Graves et al. 2006). The encoder is block-causal, so what a frame said is
 * never revised; only the last word may be unfinished.
 */

export interface CtcState {
  readonly text: string;
  /** The class of the last frame. */
  readonly last: number;
}

export interface CtcVocabulary {
  readonly blank: number;
  readonly vocab: readonly string[];
}

/** A transcript of an hour of speech stays below this; a stream that never ends forgets its beginning. */
const MAX_TEXT_LENGTH = 65_536;

export function initialCtc({ blank }: CtcVocabulary): CtcState {
  return { text: "", last: blank };
}

/** @param logits [frames, classes] row-major */
export function readCtc(state: CtcState, logits: Float32Array, classes: number, { blank, vocab }: CtcVocabulary): CtcState {
  let { text, last } = state;
  for (let from = 0; from + classes <= logits.length; from += classes) {
    let best = 0;
    for (let i = 1; i < classes; i += 1) if ((logits[from + i] ?? 0) > (logits[from + best] ?? 0)) best = i;
    if (best !== blank && best !== last) {
      const symbol = vocab[best] ?? "";
      if (symbol !== " " || (text !== "" && !text.endsWith(" "))) text += symbol;
    }
    last = best;
  }
  return { text: text.slice(-MAX_TEXT_LENGTH), last };
}

/** Whole words with the space behind them, and the one that is still being spoken: together the whole text. */
export function splitTranscript({ text }: CtcState): { stable: string; tail: string } {
  const end = text.lastIndexOf(" ");
  return { stable: text.slice(0, end + 1), tail: text.slice(end + 1) };
}
