/** What became of each item, and the table that says so. Pure. */
import type { Turn } from "@aloud/client";
import type { AcceptanceItem } from "./acceptance-set.ts";

export interface Outcome {
  readonly item: Omit<AcceptanceItem, "packets">;
  readonly transcript: string;
  readonly semantic: string;
  readonly acoustic: string;
  /** What was answered; why not, in angle brackets, when nothing was. */
  readonly answer: string;
  readonly exact: boolean;
  /** The semantic thinking repeats the sentence in quotes. */
  readonly quotes: boolean;
}

export function outcomeOf(item: AcceptanceItem, turns: readonly Turn[] | Error): Outcome {
  const { voice, intent, text, answer } = item;
  const gold = { voice, intent, text, answer };
  if (turns instanceof Error)
    return { item: gold, transcript: "", semantic: "", acoustic: "", answer: `<${turns.message}>`, exact: false, quotes: false };
  const [turn] = turns;
  const said = turns.length === 1 && turn !== undefined && turn.answer.trim() !== "" ? turn.answer.trim() : `<${turns.length} turns>`;
  return {
    item: gold,
    transcript: turn?.transcript ?? "",
    semantic: turn?.semantic ?? "",
    acoustic: turn?.acoustic ?? "",
    answer: said,
    exact: said === answer,
    quotes: turn?.semantic.includes(`"${text}"`) ?? false,
  };
}

export function share(outcomes: readonly Outcome[], holds: (outcome: Outcome) => boolean): number {
  return outcomes.length === 0 ? 0 : outcomes.filter(holds).length / outcomes.length;
}

const percent = (part: number) => `${(part * 100).toFixed(1)} %`;

function rows(outcomes: readonly Outcome[], key: (outcome: Outcome) => string): string[] {
  const groups = grouped(outcomes, key);
  return [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, group]) => {
      const right = group.filter(({ exact }) => exact).length;
      return `| ${name.padEnd(28)} | ${String(right).padStart(3)} / ${String(group.length).padEnd(3)} | ${percent(right / group.length).padStart(7)} |`;
    });
}

function grouped(outcomes: readonly Outcome[], key: (outcome: Outcome) => string): Map<string, Outcome[]> {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) groups.set(key(outcome), [...(groups.get(key(outcome)) ?? []), outcome]);
  return groups;
}

export function report(outcomes: readonly Outcome[]): string {
  const line = `|${"-".repeat(30)}|${"-".repeat(11)}|${"-".repeat(9)}|`;
  const wrong = outcomes.filter(({ exact }) => !exact);
  return [
    `exact answers ${percent(share(outcomes, ({ exact }) => exact))} of ${outcomes.length}; thinking quotes the sentence in ${percent(share(outcomes, ({ quotes }) => quotes))}`,
    line,
    ...rows(outcomes, ({ item }) => item.intent),
    line,
    ...rows(outcomes, ({ item }) => item.voice.replace(/ .*\+/, " ")),
    line,
    ...wrong.map(
      ({ item, transcript, answer }) =>
        `${item.intent}, ${item.voice}: "${item.text}" heard as "${transcript}"\n    expected ${item.answer}\n    answered ${answer}`,
    ),
  ].join("\n");
}
