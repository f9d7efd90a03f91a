/**
 * How busy a server says it is: the few figures of its `/metrics` that decide something, under the names of several versions. The text comes from
 * another machine and may be anything; what cannot be read is not there. Pure.
 */
export interface Load {
  /** Requests that are not being worked on yet. */
  readonly waiting: number;
  /** 0 to 1, of the blocks that running requests hold. What is merely cached counts as free. */
  readonly cacheUsage: number;
}

/** Why a server gets less: `pressed` takes no warm-ups and is nobody's new home while another is free; `full` takes no new conversation. */
export type Pressure = "none" | "pressed" | "full";

const PRESSED_USAGE = 0.85;
const FULL_USAGE = 0.95;
const PRESSED_WAITING = 1;
/** Requests that wait when everything else that could run does: another conversation would wait behind them. */
const FULL_WAITING = 8;

/** Neither a queue nor a share is larger. */
const BELIEVABLE = 1e9;

const SAMPLE = /^vllm:(num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)(?:\{[^\n}]{0,2000}\})? (\S{1,32})/gmu;

/** One server may run several engines (data parallelism): their requests are added up, and the fullest cache counts. */
export function readLoad(metrics: string): Load | undefined {
  let waiting: number | undefined;
  let cacheUsage: number | undefined;
  for (const [, name, text] of metrics.matchAll(SAMPLE)) {
    const value = Number(text);
    // NaN is neither.
    if (!(value >= 0 && value <= BELIEVABLE)) continue;
    if (name === "num_requests_waiting") waiting = (waiting ?? 0) + value;
    else cacheUsage = Math.min(1, Math.max(cacheUsage ?? 0, value));
  }
  if (waiting === undefined && cacheUsage === undefined) return undefined;
  return { waiting: waiting ?? 0, cacheUsage: cacheUsage ?? 0 };
}

/** A moment's queue is no pressure: what counts is what two looks in a row have seen. */
export function pressureOf(looks: readonly (Load | undefined)[]): Pressure {
  const [last, before] = looks.slice(-2).reverse();
  if (last === undefined || before === undefined) return "none";
  const waiting = Math.min(last.waiting, before.waiting);
  const usage = Math.min(last.cacheUsage, before.cacheUsage);
  if (usage >= FULL_USAGE || waiting >= FULL_WAITING) return "full";
  return usage >= PRESSED_USAGE || waiting >= PRESSED_WAITING ? "pressed" : "none";
}
