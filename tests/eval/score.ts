/** Scores of single answers, and figures over many. Pure. */

/** In the order in which the keys first appear. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

export interface WordErrors {
  readonly errors: number;
  readonly words: number;
}

/** Edit distance in words, and the length of what was said. */
export function wordErrors(said: string, heard: string): WordErrors {
  const left = said.split(/\s+/).filter((word) => word !== "");
  const right = heard.split(/\s+/).filter((word) => word !== "");
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, word] of left.entries()) {
    const current = [row + 1];
    for (const [column, other] of right.entries()) {
      const change = (previous[column] ?? 0) + (word === other ? 0 : 1);
      current.push(Math.min((previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1, change));
    }
    previous = current;
  }
  return { errors: previous.at(-1) ?? 0, words: left.length };
}

/** Errors over all words, in percent. */
export function errorRate(all: readonly WordErrors[]): number {
  const words = all.reduce((sum, one) => sum + one.words, 0);
  return (100 * all.reduce((sum, one) => sum + one.errors, 0)) / Math.max(1, words);
}

const CALL = /([a-z][a-z_]*)\(([^()]*)\)\.?\s*$/;

/** The call that a thought ends with, as it is written: `set_timer(duration=15m)`. */
export function plannedCall(semantic: string): string | undefined {
  const match = CALL.exec(semantic.trim());
  return match === null ? undefined : `${match[1]}(${match[2]})`;
}

export const nameOf = (call: string): string => call.slice(0, call.indexOf("("));

/** A call as text → its arguments, all as text. */
export function argumentsOf(call: string): Record<string, string> {
  const inside = call.slice(call.indexOf("(") + 1, -1);
  return Object.fromEntries(
    inside
      .split(", ")
      .filter((part) => part !== "")
      .map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  );
}

/** Whether a tool call carries exactly these arguments. */
export function sameCall(expected: string, name: string, json: string): boolean {
  const wanted = argumentsOf(expected);
  const given = Object.entries(JSON.parse(json) as Record<string, unknown>);
  return (
    nameOf(expected) === name && given.length === Object.keys(wanted).length && given.every(([key, value]) => wanted[key] === String(value))
  );
}

/** Probability that a positive scores above a negative; ties count half. */
export function areaUnderCurve(positives: readonly number[], negatives: readonly number[]): number {
  let above = 0;
  for (const positive of positives) for (const negative of negatives) above += positive > negative ? 1 : positive === negative ? 0.5 : 0;
  return above / Math.max(1, positives.length * negatives.length);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** In percent, one decimal; "–" of nothing. */
export function percent<T>(items: readonly T[], holds: (item: T) => boolean): string {
  if (items.length === 0) return "–";
  const share = (100 * items.filter(holds).length) / items.length;
  return share === 100 ? "100" : share.toFixed(1);
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
