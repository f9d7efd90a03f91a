/** Which models fit on which GPUs, and how: pure choices over `budget()`. The order of preference is written at each choice. */
import type { GpuGroup } from "./cards.ts";
import {
  BLOCK_TOKENS,
  type Budget,
  budget,
  bytesReadPerTokenPerGpu,
  degreeDivides,
  GIB,
  UTILISATION,
  weightBytes,
  weightBytesPerGpu,
} from "./memory.ts";
import { type Build, MIN_CAPABILITY, MODELS, type Model, PRECISIONS, type Precision } from "./models.ts";

/** Tokens kept from earlier turns of one conversation, seconds of speech in a turn, tokens of an answer: what a session is counted as. */
const HISTORY_TOKENS = 4_096;
const SPEECH_SECONDS = 10;
const ANSWER_TOKENS = 400;
/** Less context than this is no conversation: a thought would be cut off. */
const MIN_CONTEXT = 8_192;
/** A server of this many sessions is large enough: further GPUs become replicas, which also outlive one another. */
const ENOUGH_SESSIONS = 16;
/**
 * vLLM refuses to start when its cache holds less than the longest context, so an error in the reserve must not reach it: this part of the
 * computed cache is promised to one conversation, no more.
 */
const PROMISED = 0.75;
const DEGREES = [1, 2, 4, 8];

export interface Wishes {
  readonly sessions?: number | undefined;
  readonly context?: number | undefined;
  readonly precision?: Precision | undefined;
}

/** One server (or several equal ones) of a model that fits. */
export interface Placement {
  readonly model: Model;
  readonly build: Build;
  readonly group: GpuGroup;
  readonly degree: number;
  readonly replicas: number;
  readonly budget: Budget;
  /** `--max-model-len`. */
  readonly context: number;
  /** Conversations at a time, over all replicas. */
  readonly sessions: number;
  readonly sessionTokens: number;
  readonly diskBytes: number;
  /** At best, from the memory's speed alone; undefined for cards of unknown speed. */
  readonly msPerToken: number | undefined;
}

export type Fit =
  | { readonly fits: true; readonly placement: Placement }
  | { readonly fits: false; readonly model: Model; readonly why: string };

/** What one conversation keeps in the cache: the history and one whole turn. */
export function sessionTokens(model: Model, context: number): number {
  const turn = Math.ceil(SPEECH_SECONDS * model.audioTokensPerSecond) + model.thinkTokens + ANSWER_TOKENS;
  return Math.min(context, Math.ceil((HISTORY_TOKENS + turn) / BLOCK_TOKENS) * BLOCK_TOKENS);
}

/** @returns every model, in the table's order */
export function fitAll(groups: readonly GpuGroup[], wishes: Wishes = {}): readonly Fit[] {
  return MODELS.map((model) => fit(model, groups, wishes));
}

/** The proposed one: the first in the table's order that fits by weights somebody published; experiments only if nothing else fits. */
export function choose(fits: readonly Fit[]): Placement | undefined {
  const placements = fits.flatMap((each) => (each.fits ? [each.placement] : []));
  return placements.find(({ build }) => build.origin !== "experimental") ?? placements[0];
}

/** Precision before everything (the builds' order), then the most sessions. */
export function fit(model: Model, groups: readonly GpuGroup[], wishes: Wishes = {}): Fit {
  const builds = model.builds.filter(({ precision }) => wishes.precision === undefined || precision === wishes.precision);
  for (const build of builds) {
    const placements = groups.flatMap((group) => place(model, build, group, wishes) ?? []);
    const [best] = placements.sort((a, b) => b.sessions - a.sessions);
    if (best !== undefined) return { fits: true, placement: best };
  }
  return { fits: false, model, why: whyNot(model, builds, groups, wishes) };
}

/** The least degree that holds enough sessions, else the one that holds most. */
function place(model: Model, build: Build, group: GpuGroup, wishes: Wishes): Placement | undefined {
  if (group.capability < MIN_CAPABILITY) return undefined;
  const placements = DEGREES.flatMap((degree) => placeAt(model, build, group, degree, wishes) ?? []);
  const wanted = Math.max(ENOUGH_SESSIONS, wishes.sessions ?? 0);
  return (
    placements.find(({ sessions, replicas }) => sessions >= wanted && sessions / replicas >= ENOUGH_SESSIONS) ??
    placements.sort((a, b) => b.sessions - a.sessions)[0]
  );
}

function placeAt(model: Model, build: Build, group: GpuGroup, degree: number, wishes: Wishes): Placement | undefined {
  if (degree > group.count || !degreeDivides(model, degree) || (build.oneGpu && degree > 1)) return undefined;
  if (loadsWhole(model, build) && weightBytesPerGpu(model, "bf16", degree) > group.usableGib * GIB * UTILISATION) return undefined;
  const left = budget(model, build.precision, degree, group.usableGib);
  const longest = Math.min(model.maxContext, Math.floor((PROMISED * left.kvTokens) / 1_024) * 1_024);
  const context = wishes.context ?? longest;
  if (context > model.maxContext || context > PROMISED * left.kvTokens || context < Math.min(MIN_CONTEXT, wishes.context ?? MIN_CONTEXT))
    return undefined;
  const each = sessionTokens(model, context);
  const replicas = Math.floor(group.count / degree);
  const sessions = Math.floor(left.kvTokens / each) * replicas;
  if (sessions < Math.max(1, wishes.sessions ?? 1)) return undefined;
  const bytes = bytesReadPerTokenPerGpu(model, build.precision, degree);
  return {
    model,
    build,
    group,
    degree,
    replicas,
    budget: left,
    context,
    sessions,
    sessionTokens: each,
    diskBytes: diskBytes(model, build),
    msPerToken: group.gbPerSecond === undefined ? undefined : bytes / (group.gbPerSecond * 1e6),
  };
}

/** vLLM before 0.15 (StepFun's image is 0.10.1.1) puts all weights on the GPU in bf16 before it quantises them (vllm #31914). */
function loadsWhole(model: Model, build: Build): boolean {
  return build.origin === "online" && model.server === "stepfun";
}

/** Weights that are quantised on loading are downloaded whole. */
export function diskBytes(model: Model, { origin, precision }: Build): number {
  return weightBytes(model, origin === "online" || origin === "experimental" ? "bf16" : precision);
}

function whyNot(model: Model, builds: readonly Build[], groups: readonly GpuGroup[], wishes: Wishes): string {
  if (builds.length === 0) return `nobody publishes it in ${PRECISIONS[wishes.precision ?? "bf16"].label}`;
  if (wishes.context !== undefined && wishes.context > model.maxContext)
    return `made for ${model.maxContext.toLocaleString("en")} tokens of context at most`;
  if (groups.length === 0) return "no GPU";
  // The largest that there is, when only the wish was too large.
  if (wishes.sessions !== undefined || wishes.context !== undefined) {
    const sound = builds.filter(({ origin }) => origin !== "experimental");
    const most = sound.flatMap((build) => groups.flatMap((group) => place(model, build, group, {}) ?? []));
    if (most.length > 0) {
      const sessions = Math.max(...most.map((each) => each.sessions));
      const tokens = Math.max(...most.map((each) => each.context));
      return wishes.context !== undefined && wishes.context > tokens
        ? `promises one conversation ${tokens.toLocaleString("en")} tokens, not ${wishes.context.toLocaleString("en")}`
        : `holds ${sessions.toLocaleString("en")} sessions at most`;
    }
  }
  const least = [...builds].sort((a, b) => weightBytes(model, a.precision) - weightBytes(model, b.precision))[0];
  if (groups.every(({ capability }) => capability < MIN_CAPABILITY))
    return `bf16 needs compute capability ${MIN_CAPABILITY.toFixed(1)} (Ampere) or newer`;
  const gb = Math.round(weightBytes(model, least?.precision ?? "bf16") / 1e9);
  return `${gb} GB of weights in ${PRECISIONS[least?.precision ?? "bf16"].label} do not fit beside a cache`;
}

/** Machines to rent or buy, smallest first: what to say when nothing else fits. */
const LADDER: readonly GpuGroup[] = [
  machine("L4", 1, 22.0, 8.9, 300),
  machine("A6000", 1, 47.5, 8.6, 768),
  machine("L40S", 2, 44.4, 8.9, 864),
  machine("H100", 1, 79.1, 9.0, 3_350),
  machine("L40S", 4, 44.4, 8.9, 864),
  machine("H100", 2, 79.1, 9.0, 3_350),
  machine("H100", 4, 79.1, 9.0, 3_350),
  machine("H100", 8, 79.1, 9.0, 3_350),
];

function machine(name: string, count: number, usableGib: number, capability: number, gbPerSecond: number): GpuGroup {
  return { name, count, usableGib, capability, gbPerSecond, indices: [] };
}

/** The smallest usual machine on which the model runs as wished. */
export function smallestMachine(model: Model, wishes: Wishes): Placement | undefined {
  for (const group of LADDER) {
    const found = fit(model, [group], wishes);
    if (found.fits && found.placement.build.origin !== "experimental") return found.placement;
  }
  return undefined;
}
