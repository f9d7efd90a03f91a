/** Time, injected, so that a test turns the clock by hand. All values in ms. */

export interface Clock {
  /** Monotonic; its zero means nothing. */
  now(): number;
  /** Time of day, since the epoch. It may jump; durations are measured by `now`. */
  unixMs(): number;
  /** Calls `fire` once after `ms`, unless the returned function is called first. */
  after(ms: number, fire: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  after: (ms, fire) => {
    const timer = setTimeout(fire, ms);
    // No timer of ours is a reason to keep the process alive.
    timer.unref();
    return () => clearTimeout(timer);
  },
};
