/** What is run: conversations of one clip or of several, each in one or more modes of thinking. Pure. */
import type { Clip } from "./clips.ts";
import { groupBy } from "./score.ts";

/** Thinking tokens; `full` is the model's own limit, 0 answers without thinking. */
export type Budget = "full" | 0 | 12 | 24 | 48;

export interface Job {
  readonly budget: Budget;
  /** The turns of one conversation, in order. */
  readonly clips: readonly Clip[];
}

const CUT_BUDGETS = [12, 24, 48] as const;
/** Sets that are also answered without thinking. */
const ALSO_DIRECT = new Set(["held-out espeak", "typed", "real: coffee-orders"]);
/** Clips of one set in a quick run. */
const QUICK = 12;
/** Multiples of it, modulo 1, fall ever between those before them. */
const GOLDEN = 0.618_033_988_75;

export function keyOf(clip: Clip, budget: Budget): string {
  return `${clip.id} | ${budget}`;
}

export const isAcoustic = (clip: Clip) => clip.question !== null;
export const isMultiStep = (clip: Clip) => clip.steps.length >= 2 && clip.conversation === "";

function budgetsOf(clip: Clip): readonly Budget[] {
  const judged = clip.set === "questions about a sound" || (clip.set === "held-out espeak" && isMultiStep(clip));
  if (judged) return ["full", 0, ...CUT_BUDGETS];
  return ALSO_DIRECT.has(clip.set) || isAcoustic(clip) ? ["full", 0] : ["full"];
}

export function jobsOf(clips: readonly Clip[], quick: boolean): Job[] {
  const conversations = new Map<string, Clip[]>();
  for (const clip of clips) {
    const key = clip.conversation === "" ? clip.id : clip.conversation;
    conversations.set(key, [...(conversations.get(key) ?? []), clip]);
  }
  const all = [...conversations.values()].map((turns) => turns.toSorted((a, b) => a.turn - b.turn));
  const chosen = quick ? thinned(all) : all;
  return interleaved(chosen.flatMap((turns) => budgetsOf(turns[0] as Clip).map((budget): Job => ({ budget, clips: turns }))));
}

/** Every set, and every part of it, evenly spread, so that a run that is stopped early says something of each. */
function interleaved(jobs: readonly Job[]): Job[] {
  const groups = groupBy(jobs, ({ budget, clips: [first] }) => `${first?.set} | ${budget}`);
  const placed = [...groups.values()].flatMap((group) => group.map((job, index) => ({ job, place: (index * GOLDEN) % 1 })));
  return placed.toSorted((a, b) => a.place - b.place).map(({ job }) => job);
}

/** At most `QUICK` conversations of each set, spread evenly. */
function thinned(all: readonly Clip[][]): Clip[][] {
  const sets = groupBy(all, ([first]) => first?.set ?? "");
  return [...sets.values()].flatMap((members) => {
    const step = Math.max(1, members.length / QUICK);
    return members.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
  });
}
