/**
 * What the scribe has written down of a turn, while it is spoken: one immutable value, so that it goes back with the conversation. Which words will
 * not change any more, and when the scribe writes at all. Pure.
 */
import { type AudioBlock, type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";

export interface Dictation {
  /** Text of the stretches of sound that are over. */
  readonly before: string;
  /** Of the stretch that is heard. */
  readonly audio: HeardAudio;
  readonly tokens: readonly number[];
  /** So many of the tokens are never taken back while the user speaks. */
  readonly settled: number;
  /** They were written again after the ear read its last word: its end may lie in the block behind. */
  readonly isConfirmed: boolean;
  /** Blocks since they were written. */
  readonly unwrittenBlocks: number;
  /** What the ear reads in the turn by now, and what it had read when this was written, and when the stretch began. */
  readonly ear: EarText;
  readonly earTextWritten: string;
  readonly earTextBefore: string;
}

export interface EarText {
  readonly text: string;
  readonly isPause: boolean;
}

export const NEW_DICTATION: Dictation = {
  before: "",
  audio: NO_AUDIO,
  tokens: [],
  settled: 0,
  isConfirmed: true,
  unwrittenBlocks: 0,
  ear: { text: "", isPause: false },
  earTextWritten: "",
  earTextBefore: "",
};

/** With a block more, and what the ear reads with it. */
export function withBlock(dictation: Dictation, block: AudioBlock, { stable, tail }: { stable: string; tail: string }): Dictation {
  const { blocks, frames } = dictation.audio;
  return {
    ...dictation,
    audio: { blocks: [...blocks, block], frames: frames + block.frames },
    unwrittenBlocks: dictation.unwrittenBlocks + 1,
    ear: { text: stable + tail, isPause: tail === "" && stable !== "" },
  };
}

/** While others wait, the live transcript is two seconds late at most. */
const MAX_BLOCKS_LATE = 4;

/** Whether the ear read something since this was written, or just before, and it is time to write that down. */
export function isDue({ ear, earTextWritten, isConfirmed, unwrittenBlocks }: Dictation, isBusy: boolean): boolean {
  return (ear.text !== earTextWritten || !isConfirmed) && (!isBusy || unwrittenBlocks >= MAX_BLOCKS_LATE);
}

/** Whether the ear read anything in this stretch. */
export const hasWords = ({ ear, earTextBefore }: Dictation): boolean => ear.text !== earTextBefore;

/** The stretch is over: its text stands. */
export function closed({ before, tokens, ear }: Dictation, textOf: (tokens: readonly number[]) => string): Dictation {
  return { ...NEW_DICTATION, before: before + textOf(tokens), ear, earTextWritten: ear.text, earTextBefore: ear.text };
}

/** After a pause all words are settled. */
export const paused = (dictation: Dictation): Dictation => ({ ...dictation, settled: dictation.tokens.length });

/**
 * Written again, with more to hear. Words that two readings in a row agree on are settled (local agreement: Liu, Spanakis and Niehues 2020), except the
 * last, which may still be being spoken.
 */
export function rewritten(dictation: Dictation, tokens: readonly number[], beginsWord: (token: number) => boolean): Dictation {
  const { ear, tokens: earlier } = dictation;
  let agreed = 0;
  while (agreed < tokens.length && tokens[agreed] === earlier[agreed]) agreed += 1;
  const isWordEnd = (at: number) => {
    const next = earlier[at];
    return at < tokens.length && beginsWord(tokens[at] ?? 0) && (next === undefined || beginsWord(next));
  };
  while (agreed > dictation.settled && !isWordEnd(agreed)) agreed -= 1;
  return {
    ...dictation,
    tokens,
    settled: agreed,
    isConfirmed: ear.text === dictation.earTextWritten,
    unwrittenBlocks: 0,
    earTextWritten: ear.text,
  };
}

/** The live transcript: what stays, and what may change. Together the whole text; the second begins with a space where it has to. */
export function liveTranscript(dictation: Dictation, textOf: (tokens: readonly number[]) => string): { stable: string; tail: string } {
  const { tokens } = dictation;
  const stable = (dictation.before + textOf(tokens.slice(0, dictation.settled))).trimStart();
  const tail = textOf(tokens.slice(dictation.settled));
  return { stable, tail: stable === "" ? tail.trimStart() : tail };
}
