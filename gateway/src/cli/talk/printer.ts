/**
 * The conversation as lines of a terminal: what is new since the last state is written, under the label of its channel. The user's words are corrected while
 * they are heard, so a line of theirs is written anew; the model's only grow, also where channels take turns.
 */
import type { Conversation, Turn, TurnTiming } from "@aloud/client";
import { isSettled } from "@aloud/client";

const CHANNELS = ["you", "semantic", "acoustic", "answer"] as const;
type Channel = (typeof CHANNELS)[number];

/** SGR codes: dim for what was said, a color per channel, bold for the answer. */
const STYLE: Readonly<Record<Channel | "note", string>> = { you: "2", semantic: "36", acoustic: "35", answer: "1", note: "2" };
const LABEL_WIDTH = 10;

export interface PrinterOptions {
  readonly write: (text: string) => void;
  /** A terminal: colors, and a corrected line is written over instead of once more. */
  readonly color: boolean;
}

const GUESSED = "which thinking is semantic and which acoustic is guessed from its words: this model thinks in one text";

/** Clears the line that the cursor stands in. */
const CLEAR_LINE = "\r\u001b[K";

interface Shown {
  readonly texts: Readonly<Record<Channel, string>>;
  readonly settled: boolean;
}

const NOTHING: Shown = { texts: { you: "", semantic: "", acoustic: "", answer: "" }, settled: false };

export function createPrinter({ write, color }: PrinterOptions): (conversation: Conversation) => void {
  const shown = new Map<string, Shown>();
  /** The line that the cursor stands in; deltas of the same channel go on in it. */
  let line: string | undefined;
  /** Once is enough: it holds for the model. */
  let saysThatGuessed = false;

  const styled = (style: Channel | "note", text: string) => (color ? `\u001b[${STYLE[style]}m${text}\u001b[0m` : text);
  const endLine = () => {
    if (line !== undefined) write("\n");
    line = undefined;
  };
  const show = (turnId: string, channel: Channel, before: string, now: string) => {
    if (now === before) return;
    const inLine = line === `${turnId} ${channel}`;
    // A correction is written whole; what only grew, also after other channels had their say, is written from where it stopped.
    const isCorrection = !now.startsWith(before);
    const added = (isCorrection ? now : now.slice(before.length)).replaceAll(/\s+/g, " ");
    const goesOn = inLine && !isCorrection;
    const text = goesOn ? added : added.trimStart();
    if (text === "") return;
    if (!goesOn) {
      if (inLine && color) write(CLEAR_LINE);
      else endLine();
      write(styled("note", `  ${channel}`.padEnd(LABEL_WIDTH + 2)));
    }
    write(styled(channel, text));
    line = `${turnId} ${channel}`;
  };

  return ({ turns }) => {
    for (const turn of turns) {
      const before = shown.get(turn.id) ?? NOTHING;
      if (before.settled) continue;
      const texts = textsOf(turn);
      for (const channel of CHANNELS) show(turn.id, channel, before.texts[channel], texts[channel]);
      if (isSettled(turn) && turn.status !== "unheard") {
        endLine();
        const notes = [noteOf(turn), ...(turn.isHeuristic && !saysThatGuessed ? [GUESSED] : [])];
        saysThatGuessed ||= turn.isHeuristic;
        for (const note of notes) if (note !== "") write(`${styled("note", `${" ".repeat(LABEL_WIDTH + 2)}${note}`)}\n`);
        write("\n");
      }
      shown.set(turn.id, { texts, settled: isSettled(turn) && turn.status !== "unheard" });
    }
    for (const id of shown.keys()) if (!turns.some((turn) => turn.id === id)) shown.delete(id);
  };
}

/** The user's words come first: thinking that overtakes their last correction by a moment waits for it, but never longer than until the answer. */
function textsOf(turn: Turn): Record<Channel, string> {
  const you = turn.transcript;
  if (!turn.isTranscribed && turn.answer === "" && !isSettled(turn)) return { you, semantic: "", acoustic: "", answer: "" };
  return { you, semantic: turn.semantic, acoustic: turn.acoustic, answer: turn.answer };
}

function cacheOf({ cached_tokens }: TurnTiming): string {
  return cached_tokens === undefined ? "" : ` (${cached_tokens} in the server's cache)`;
}

/** Where the time went, and how it ended unless well. */
function noteOf({ status, timing, error }: Turn): string {
  const parts: string[] = [];
  if (status !== "completed") parts.push(error === undefined ? status : `${status}: ${error.message}`);
  if (timing?.endpoint_ms !== undefined) parts.push(`turn over after ${Math.round(timing.endpoint_ms)} ms`);
  if (timing?.first_thought_ms !== undefined) parts.push(`thought ${Math.round(timing.first_thought_ms)} ms`);
  if (timing?.first_answer_ms !== undefined) parts.push(`answer ${Math.round(timing.first_answer_ms)} ms`);
  if (timing !== undefined) parts.push(`done ${Math.round(timing.done_ms)} ms`);
  if (timing !== undefined && timing.prefilled_tokens > 0)
    parts.push(`${timing.prefilled_tokens} tokens heard in advance${cacheOf(timing)}`);
  return parts.join(" · ");
}
