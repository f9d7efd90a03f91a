/**
 * An answer that begins before the thought is over: from as much of it as there is, in a request of its own beside the one that thinks on. It only ever adds
 * words. How the answer ends, and whether a tool is called, is for the whole thought to say, which is asked for behind these words.
 */
import { LoopWatch } from "./loop-watch.ts";
import { OutputSorter } from "./output.ts";
import type { VllmProfile } from "./profiles.ts";
import type { StreamPiece } from "./reading.ts";
import { ServerRefusal } from "./server.ts";
import { TemplateGuard } from "./template-guard.ts";
import { hasText, TokenCount } from "./token-count.ts";

/** Where a sentence ends: before white space, at the end unless a number may go on, and after the marks of scripts that have no white space. */
const SENTENCE_END = /[.!?;](?=\s)|(?<!\d)[.!?;]$|[。！？；]|\n/gu;
const ENDS_SENTENCE = /[.!?;。！？；\n]["'”’)\]]*$/u;
/** A sentence's end is a good place only if it leaves so much of the thought. */
const MIN_KEPT = 0.5;

/**
 * The part of a running thought that an answer is made from: up to its last whole sentence, because a thought that breaks off is gone on with in the answer.
 * Where that would leave too little, up to the last word that is certainly whole.
 */
export function wholeSentencesOf(thought: string): string {
  const ends = [...thought.matchAll(SENTENCE_END)].map((match) => match.index + match[0].length);
  const end = ends.at(-1) ?? 0;
  if (end >= MIN_KEPT * thought.length) return thought.slice(0, end);
  const space = thought.search(/\s+\S*$/u);
  return space > 0 ? thought.slice(0, space) : thought;
}

/** Whether `next` begins another sentence than the one that `text` ends with. */
export function isSentenceBreak(text: string, next: string): boolean {
  const mark = ENDS_SENTENCE.exec(text);
  return mark !== null && (/^\s/u.test(next) || /^[。！？；\n]/u.test(mark[0]));
}

export interface AheadAnswer {
  /** What the server says to the closed partial thought. */
  readonly pieces: AsyncIterable<Extract<StreamPiece, { type: "piece" }>>;
  /** What was said before; it grows by what is taken. */
  readonly answer: () => string;
  /** Whether the whole thought is there: the answer then goes on from it at the next sentence. */
  readonly isThoughtOver: () => boolean;
  /** Words that are said. */
  readonly take: (text: string, tokens: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Says what comes until it ends, wants to call a tool, or a sentence ends after the thought. That a server fails costs nothing but the time that was to be won.
 * @returns `loop` where the answer goes round in circles
 */
export async function answerAhead(
  profile: VllmProfile,
  { pieces, answer, isThoughtOver, take, signal }: AheadAnswer,
): Promise<"ended" | "loop"> {
  const begun = answer() !== "";
  const sorter = new OutputSorter(profile, "answer", begun);
  const guard = new TemplateGuard(begun);
  const watch = new LoopWatch();
  const count = new TokenCount();
  let untaken = 0;
  const say = (text: string) => {
    if (text === "") return;
    take(text, untaken);
    untaken = 0;
  };
  try {
    for await (const piece of pieces) {
      if (signal.aborted || piece.calls.length > 0) return "ended";
      const { answer: text } = sorter.push(piece);
      if (isThoughtOver() && isSentenceBreak(answer(), text)) return "ended";
      untaken += count.add(piece);
      const guarded = guard.push(text);
      say(guarded.text);
      if (guarded.leak !== "none") return "ended";
      if (hasText(piece)) watch.add(piece.reasoning + piece.content);
      if (piece.finish === undefined && watch.loops) return "loop";
    }
    if (!signal.aborted) say(guard.end());
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
  }
  return "ended";
}
