/**
 * Which server a conversation lives on. Rendezvous hashing: every gateway that knows the same servers finds the same order for a session, and a server
 * that goes away moves only its own. A server takes at most a quarter more than its share, and one that has just come back has a smaller share, which grows. Pure.
 */
import { createHash } from "node:crypto";
import type { Pressure } from "./load.ts";

export interface Candidate {
  /** What is hashed: the server's address. */
  readonly key: string;
  /** 0 to 1: how much of a full share it takes. */
  readonly weight: number;
  readonly conversations: number;
  readonly pressure: Pressure;
}

/** How much of its share a server takes at first. */
const FIRST_WEIGHT = 0.1;
/** Consistent hashing with bounded loads: no server has more than this many times its share. */
const MOST_SHARES = 1.25;

/** Grows from a tenth to 1 within `slowStartMs`. */
export function weightAfter(ms: number, slowStartMs: number): number {
  if (ms >= slowStartMs) return 1;
  return FIRST_WEIGHT + ((1 - FIRST_WEIGHT) * Math.max(0, ms)) / slowStartMs;
}

/** The servers in the order in which this session prefers them. */
export function rank<T extends Candidate>(sessionId: string, candidates: readonly T[]): T[] {
  return candidates
    .map((candidate) => ({ candidate, score: -candidate.weight / Math.log(uniform(sessionId, candidate.key)) }))
    .sort((a, b) => b.score - a.score || (a.candidate.key < b.candidate.key ? -1 : 1))
    .map(({ candidate }) => candidate);
}

/**
 * Where a conversation that has no server yet goes: to its most preferred that has room, among those that are free; among the pressed only when none is.
 * @param isNew whether it may be refused: one that exists is taken in also where it is full
 * @returns undefined when every server is full, or there is none
 */
export function place<T extends Candidate>(sessionId: string, candidates: readonly T[], isNew: boolean): T | undefined {
  const pools = (["none", "pressed", ...(isNew ? [] : ["full"])] as const).map((most) =>
    candidates.filter(({ pressure }) => pressure === most),
  );
  const pool = pools.find(({ length }) => length > 0) ?? [];
  const shares = pool.reduce((sum, { weight }) => sum + weight, 0);
  const total = pool.reduce((sum, { conversations }) => sum + conversations, 1);
  return rank(sessionId, pool).find(({ weight, conversations }) => conversations < Math.ceil((MOST_SHARES * total * weight) / shares));
}

/**
 * Where a conversation moves between two turns: to its most preferred server, if that one is free and has clearly less to do. For the hash's sake
 * alone nothing moves: the new server's cache has nothing of it.
 */
export function better<T extends Candidate>(sessionId: string, at: T, candidates: readonly T[]): T | undefined {
  const [first] = rank(sessionId, candidates);
  if (first === undefined || first === at || first.pressure !== "none") return undefined;
  return (MOST_SHARES * (first.conversations + 1)) / first.weight < at.conversations / at.weight ? first : undefined;
}

/** Above 0 and below 1, the same everywhere. */
function uniform(sessionId: string, key: string): number {
  const hash = createHash("sha256").update(`${sessionId}\u0000${key}`).digest();
  return (hash.readUIntBE(0, 6) + 1) / (2 ** 48 + 2);
}
