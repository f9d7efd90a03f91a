/** What a conversation with a vLLM server remembers: the prompt is made of it anew for every request. Values; pure. */
import type { HistoryItem } from "../engine.ts";
import { type AudioPart, addAudio, NO_AUDIO, samplesOf, settledParts, type TurnAudio, wholeParts } from "./audio-parts.ts";
import type { Said } from "./messages.ts";
import type { VllmProfile } from "./profiles.ts";
import type { Progress } from "./progress.ts";

/** Role, marks and line breaks that a template puts around a message. */
const MESSAGE_TOKENS = 8;

export interface Counted {
  readonly said: Said;
  readonly tokens: number;
}

type Entry = { readonly type: "said"; readonly counted: Counted } | { readonly type: "audio"; readonly audio: TurnAudio };

/** The turn that `generate` answers: the user's words and audio, or results of tools. */
export interface OpenTurn {
  readonly kind: "empty" | "user" | "tool";
  /** Said before the conversation opened: what is appended begins a turn of its own. */
  readonly isFromHistory: boolean;
  readonly entries: readonly Entry[];
}

/** A turn that is over, or an item of the history. */
export interface PastTurn {
  readonly said: readonly Said[];
  readonly tokens: number;
}

/** An answer that was cut by its length. */
export interface Unfinished {
  readonly before: History;
  readonly progress: Progress;
  readonly isExhausted: boolean;
}

export interface History {
  readonly past: readonly PastTurn[];
  readonly open: OpenTurn;
  readonly unfinished: Unfinished | undefined;
  /** Tokens of the last request's prompt, which the cache has. */
  readonly cachedTokens: number;
}

export const EMPTY_TURN: OpenTurn = { kind: "empty", isFromHistory: false, entries: [] };
export const EMPTY_HISTORY: History = { past: [], open: EMPTY_TURN, unfinished: undefined, cachedTokens: 0 };

/** The open turn as it goes into a prompt. @param isWhole with the audio that fills no part yet and that no pause follows */
export function saidIn({ entries }: OpenTurn, isWhole: boolean): Said[] {
  return entries.flatMap((entry, n): Said[] => {
    if (entry.type === "said") return [entry.counted.said];
    const parts = isWhole || n < entries.length - 1 ? wholeParts(entry.audio) : settledParts(entry.audio);
    return parts.length === 0 ? [] : [{ type: "spoken", parts }];
  });
}

/** The part with which the turn's audio ends, if it ends with one. */
export function lastPart({ entries }: OpenTurn): AudioPart | undefined {
  const last = entries.at(-1);
  return last?.type === "audio" ? settledParts(last.audio).at(-1) : undefined;
}

/** Whether the speaker pauses, and an answer asked for now would be asked for with what is said in parts. */
export function pauses({ entries }: OpenTurn): boolean {
  const last = entries.at(-1);
  return last?.type === "audio" && last.audio.pause !== undefined;
}

/** Every part of the turn's audio, newest first. */
export function partsOf({ entries }: OpenTurn): AudioPart[] {
  return entries.flatMap((entry) => (entry.type === "audio" ? settledParts(entry.audio) : [])).reverse();
}

/** Tokens of the turn's audio; without `isWhole` those of full parts only. */
export function audioTokensOf({ entries }: OpenTurn, profile: VllmProfile, isWhole: boolean): number {
  return entries.reduce((sum, entry, n) => {
    if (entry.type === "said") return sum;
    const isClosed = isWhole || n < entries.length - 1;
    const full = entry.audio.parts.reduce((tokens, part) => tokens + profile.audioTokens(part.samples), 0);
    return sum + full + (isClosed && entry.audio.rest.length > 0 ? profile.audioTokens(entry.audio.rest.length) : 0);
  }, 0);
}

export function tokensOf(open: OpenTurn, profile: VllmProfile, isWhole: boolean): number {
  const words = open.entries.reduce((sum, entry) => sum + (entry.type === "said" ? entry.counted.tokens : 0), 0);
  return words + audioTokensOf(open, profile, isWhole);
}

export function audioSamplesOf({ entries }: OpenTurn): number {
  return entries.reduce((sum, entry) => sum + (entry.type === "audio" ? samplesOf(entry.audio) : 0), 0);
}

/** The open turn becomes history as it is. */
export function closeTurn(history: History, profile: VllmProfile, answer: readonly Counted[] = []): History {
  const { open, past } = history;
  const said = [...saidIn(open, true), ...answer.map((item) => item.said)];
  if (said.length === 0) return { ...history, open: EMPTY_TURN };
  const tokens = tokensOf(open, profile, true) + MESSAGE_TOKENS * (1 + answer.length) + answer.reduce((sum, item) => sum + item.tokens, 0);
  return { ...history, past: [...past, { said, tokens }], open: EMPTY_TURN };
}

/** A user's words join a user's turn that was not said before, a result joins results; anything else closes the turn first. */
function makeWay(history: History, kind: "user" | "tool", profile: VllmProfile): History {
  const { open } = history;
  const joins = open.kind === "empty" || (open.kind === kind && (kind === "tool" || !open.isFromHistory));
  return joins ? history : closeTurn(history, profile);
}

export function addItem(before: History, item: HistoryItem, tokens: number, profile: VllmProfile): History {
  const counted = { said: item, tokens };
  if (item.type === "text" && (item.role === "user" || item.role === "tool")) {
    const history = makeWay({ ...before, unfinished: undefined }, item.role, profile);
    return { ...history, open: { ...history.open, kind: item.role, entries: [...history.open.entries, { type: "said", counted }] } };
  }
  const history = closeTurn({ ...before, unfinished: undefined }, profile);
  return { ...history, past: [...history.past, { said: [item], tokens: tokens + MESSAGE_TOKENS }] };
}

export function addSpeech(before: History, samples: Float32Array, partSamples: number, profile: VllmProfile): History {
  if (samples.length === 0) return before;
  const history = makeWay({ ...before, unfinished: undefined }, "user", profile);
  const { entries } = history.open;
  const last = entries.at(-1);
  const audio = addAudio(last?.type === "audio" ? last.audio : NO_AUDIO, samples, partSamples);
  const kept = last?.type === "audio" ? entries.slice(0, -1) : entries;
  return { ...history, open: { ...history.open, kind: "user", entries: [...kept, { type: "audio", audio }] } };
}

/** Forgets the oldest turns until no more than `tokens` are left. */
export function forgetOldest(history: History, tokens: number, profile: VllmProfile): History {
  let past = history.past;
  const total = () => past.reduce((sum, turn) => sum + turn.tokens, tokensOf(history.open, profile, true) + MESSAGE_TOKENS);
  while (past.length > 0 && total() > tokens) past = past.slice(1);
  return past === history.past ? history : { ...history, past, cachedTokens: 0 };
}
