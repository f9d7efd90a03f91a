/**
 * What the scribe has written down of a turn, while it is spoken: one immutable value, so that it goes back with the conversation. Which words will
 * not change any more, and when the scribe writes at all. Pure.
 */
import type { Heard } from "../hearing/ear.ts";
import { type AudioBlock, addBlock, type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";
import type { KvCache } from "./kv-cache.ts";

export interface Dictation {
  /** Text of the segments that are closed. */
  readonly before: string;
  /** Of the segment that is open. */
  readonly audio: HeardAudio;
  readonly tokens: readonly number[];
  /** So many of the tokens are never taken back while the user speaks. */
  readonly settled: number;
  /** What the scribe's decoder remembers of settled tokens, so that they are not read again with every block; never of more than those. */
  readonly memory: KvCache | undefined;
  /** They were written again after the ear read its last word: its end may lie in the block behind. */
  readonly isConfirmed: boolean;
  /** Blocks since. */
  readonly unwrittenBlocks: number;
  /** What the ear had read in all when this was written, and when the segment began. */
  readonly earText: string;
  readonly earTextBefore: string;
}

/** What the ear reads in the turn so far. */
export interface EarText {
  readonly text: string;
  readonly isPause: boolean;
}

export function earTextOf({ transcript }: Pick<Heard, "transcript">): EarText {
  const { stable = "", tail = "" } = transcript ?? {};
  return { text: stable + tail, isPause: tail === "" && stable !== "" };
}

export const NEW_DICTATION: Dictation = {
  before: "",
  audio: NO_AUDIO,
  tokens: [],
  settled: 0,
  memory: undefined,
  isConfirmed: true,
  unwrittenBlocks: 0,
  earText: "",
  earTextBefore: "",
};

/** A pause closes a segment of at least so many seconds: what is read again with every block stays short. */
const SEGMENT_SECONDS = 10;

export interface SegmentLimits {
  readonly blockSeconds: number;
  /** As many as the scribe can attend to: a segment so long is closed even in the middle of a word. */
  readonly maxFrames: number;
}

/** With a block more. */
export function withBlock(dictation: Dictation, block: AudioBlock, maxFrames: number): Dictation {
  return { ...dictation, audio: addBlock(dictation.audio, block, maxFrames), unwrittenBlocks: dictation.unwrittenBlocks + 1 };
}

/** While others wait, the live transcript is two seconds late at most. */
const MAX_BLOCKS_LATE = 4;

/** Whether the ear read something since this was written, or just before, and it is time to write that down. */
export function isDue({ earText, isConfirmed, unwrittenBlocks }: Dictation, ear: EarText, isBusy: boolean): boolean {
  return (ear.text !== earText || !isConfirmed) && (!isBusy || unwrittenBlocks >= MAX_BLOCKS_LATE);
}

/** Whether the ear read anything in the segment that is open. */
export const hasWords = ({ earTextBefore }: Dictation, ear: EarText): boolean => ear.text !== earTextBefore;

/** Whether the segment ends with what was heard of it. One in which nobody spoke goes on, and forgets its beginning. */
export function endsSegment(dictation: Dictation, ear: EarText, { blockSeconds, maxFrames }: SegmentLimits): boolean {
  const { blocks, frames } = dictation.audio;
  if (!hasWords(dictation, ear)) return false;
  return frames + (blocks[0]?.frames ?? 0) > maxFrames || (ear.isPause && blocks.length * blockSeconds >= SEGMENT_SECONDS);
}

/** The segment's text stands, and another begins. */
export function closed(dictation: Dictation, ear: EarText, textOf: (tokens: readonly number[]) => string): Dictation {
  const before = dictation.before + textOf(dictation.tokens);
  return { ...NEW_DICTATION, before, earText: ear.text, earTextBefore: ear.text };
}

/** After a pause all words are settled. */
export const paused = (dictation: Dictation): Dictation => ({ ...dictation, settled: dictation.tokens.length });

/**
 * Written again, with more to hear. Words that two readings in a row agree on are settled (local agreement: Liu, Spanakis and Niehues 2020), except the
 * last, which may still be being spoken.
 */
export function rewritten(
  dictation: Dictation,
  tokens: readonly number[],
  ear: EarText,
  beginsWord: (token: number) => boolean,
): Dictation {
  const earlier = dictation.tokens;
  let agreed = 0;
  while (agreed < tokens.length && tokens[agreed] === earlier[agreed]) agreed += 1;
  const isWordEnd = (at: number) => {
    const next = earlier[at];
    return at < tokens.length && beginsWord(tokens[at] ?? 0) && (next === undefined || beginsWord(next));
  };
  while (agreed > dictation.settled && !isWordEnd(agreed)) agreed -= 1;
  return { ...dictation, tokens, settled: agreed, isConfirmed: ear.text === dictation.earText, unwrittenBlocks: 0, earText: ear.text };
}

/** The live transcript: what stays, and what may change. Together the whole text; the second begins with a space where it has to. */
export function liveTranscript(dictation: Dictation, textOf: (tokens: readonly number[]) => string): { stable: string; tail: string } {
  const { tokens } = dictation;
  const stable = (dictation.before + textOf(tokens.slice(0, dictation.settled))).trimStart();
  const tail = textOf(tokens.slice(dictation.settled));
  return { stable, tail: stable === "" ? tail.trimStart() : tail };
}
