/** The figures under an answer. Pure. */
import { isSettled, type Turn, type TurnTiming } from "@aloud/client";

export interface Chip {
  readonly label: string;
  readonly value: string;
  readonly tone?: "bad";
  /** Shown where the pointer rests. */
  readonly title?: string;
}

const GUESSED: Chip = {
  label: "channels guessed",
  value: "",
  title: "This model thinks in one text. Which of it is semantic and which acoustic was guessed from the words of each sentence.",
};

export function chipsOf(turn: Turn): readonly Chip[] {
  if (!isSettled(turn)) return [];
  return [...figuresOf(turn), ...(turn.isHeuristic ? [GUESSED] : [])];
}

function figuresOf(turn: Turn): readonly Chip[] {
  const chips: Chip[] = [];
  if (turn.status === "cancelled") chips.push({ label: "stopped", value: "" });
  if (turn.status === "incomplete") chips.push({ label: "cut off at the length limit", value: "", tone: "bad" });
  if (turn.status === "failed") chips.push({ label: turn.error?.message ?? "failed", value: "", tone: "bad" });
  const { timing } = turn;
  if (timing === undefined) return chips;
  // Times are counted from the end of speech; what the person waits for after the turn is over is what the endpoint does not explain.
  const after = (ms: number | undefined) => (ms === undefined ? undefined : duration(Math.max(0, ms - (timing.endpoint_ms ?? 0))));
  const put = (label: string, value: string | undefined, title?: string) =>
    value !== undefined && chips.push({ label, value, ...(title !== undefined && { title }) });
  put("turn over", timing.endpoint_ms === undefined ? undefined : duration(timing.endpoint_ms));
  put("first thought", after(timing.first_thought_ms));
  put("first answer", after(timing.first_answer_ms));
  put("done", after(timing.done_ms));
  if (turn.input === "speech" && timing.prefilled_tokens > 0) put("heard in advance", `${timing.prefilled_tokens} tokens`, cacheOf(timing));
  if (timing.speculated) put("begun early", "");
  return chips;
}

function cacheOf({ cached_tokens }: TurnTiming): string | undefined {
  return cached_tokens === undefined ? undefined : `The model's server found ${cached_tokens} tokens in its cache.`;
}

export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
