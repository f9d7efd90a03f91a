/**
 * What each key uses: sessions at a time, and session minutes of the day (UTC). Kept in memory, so a restart forgets the day's
 * minutes, and each of several gateways counts for itself.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import { RETRY_AFTER_S } from "../limits.ts";
import type { ApiKey } from "./keys-file.ts";

const DAY_MS = 24 * 60 * 60_000;

interface Usage {
  /** What ends each running session once the minutes are used up. */
  readonly live: Set<(error: AloudError) => void>;
  day: number;
  todayMs: number;
  totalMs: number;
  /** Up to when the numbers count, on the monotonic clock. */
  at: number;
  cancel: () => void;
}

export interface KeyUsage {
  readonly sessions: number;
  readonly todayMs: number;
  readonly totalMs: number;
}

export class Quotas {
  readonly #clock: Clock;
  readonly #find: (id: string) => ApiKey | undefined;
  readonly #usages = new Map<string, Usage>();

  /** @param find the key as it is now: its limits may change while sessions run */
  constructor(clock: Clock, find: (id: string) => ApiKey | undefined) {
    this.#clock = clock;
    this.#find = find;
  }

  /**
   * Counts a session in.
   * @param onSpent called if the key's minutes run out while it lasts; it must end then
   * @returns counts it out; idempotent
   * @throws AloudError `rate_limit_exceeded`, `insufficient_quota`
   */
  admit(key: ApiKey, onSpent: (error: AloudError) => void): () => void {
    const usage = this.#usageOf(key.id);
    this.#settle(usage);
    if (key.sessions !== undefined && usage.live.size >= key.sessions)
      throw new AloudError(
        "rate_limit_exceeded",
        key.sessions === 0
          ? "this key may open no sessions; use another one"
          : `this key has ${key.sessions} session(s) at a time, and all are taken; close one, or use another key`,
        { retryAfterMs: RETRY_AFTER_S * 1_000 },
      );
    if (this.#leftMs(key, usage) <= 0) throw this.#spent(key);
    usage.live.add(onSpent);
    this.#arm(key.id, usage);
    return () => {
      if (!usage.live.has(onSpent)) return;
      this.#settle(usage);
      usage.live.delete(onSpent);
      this.#arm(key.id, usage);
    };
  }

  usage(keyId: string): KeyUsage {
    const usage = this.#usages.get(keyId);
    if (usage === undefined) return { sessions: 0, todayMs: 0, totalMs: 0 };
    this.#settle(usage);
    return { sessions: usage.live.size, todayMs: usage.todayMs, totalMs: usage.totalMs };
  }

  /** The key is gone. Its sessions are ended by others and count themselves out of what is no longer looked at. */
  forget(keyId: string): void {
    this.#usages.get(keyId)?.cancel();
    this.#usages.delete(keyId);
  }

  close(): void {
    for (const id of [...this.#usages.keys()]) this.forget(id);
  }

  #usageOf(id: string): Usage {
    let usage = this.#usages.get(id);
    if (usage === undefined) {
      usage = { live: new Set(), day: this.#today(), todayMs: 0, totalMs: 0, at: this.#clock.now(), cancel: () => {} };
      this.#usages.set(id, usage);
    }
    return usage;
  }

  #today(): number {
    return Math.floor(this.#clock.unixMs() / DAY_MS);
  }

  #msOfDay(): number {
    return this.#clock.unixMs() % DAY_MS;
  }

  #settle(usage: Usage): void {
    const now = this.#clock.now();
    const elapsed = now - usage.at;
    const day = this.#today();
    usage.at = now;
    usage.totalMs += elapsed * usage.live.size;
    if (day !== usage.day) {
      usage.day = day;
      usage.todayMs = 0;
    }
    // Of a stretch that began yesterday, only what lies after midnight is today's.
    usage.todayMs += Math.min(elapsed, this.#msOfDay()) * usage.live.size;
  }

  #leftMs(key: ApiKey, usage: Usage): number {
    return key.minutesPerDay === undefined ? Number.POSITIVE_INFINITY : key.minutesPerDay * 60_000 - usage.todayMs;
  }

  /** One timer per key that has running sessions and a bound: for when it could be reached, or the day ends. */
  #arm(id: string, usage: Usage): void {
    usage.cancel();
    usage.cancel = () => {};
    const key = this.#find(id);
    if (key === undefined || usage.live.size === 0 || this.#usages.get(id) !== usage) return;
    const left = this.#leftMs(key, usage);
    if (left <= 0) {
      const error = this.#spent(key);
      for (const end of [...usage.live]) end(error);
      return;
    }
    // A limit that is lowered meanwhile is noticed within the minute.
    const ms = Math.min(Math.ceil(left / usage.live.size), DAY_MS - this.#msOfDay(), 60_000);
    usage.cancel = this.#clock.after(ms, () => {
      this.#settle(usage);
      this.#arm(id, usage);
    });
  }

  #spent({ minutesPerDay }: ApiKey): AloudError {
    return new AloudError(
      "insufficient_quota",
      `this key's ${minutesPerDay} minutes of today are used up; they begin anew at 00:00 UTC, or use another key`,
      { retryAfterMs: DAY_MS - this.#msOfDay() },
    );
  }
}
