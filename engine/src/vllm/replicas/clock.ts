/** Time, injected, so that a test turns it by hand. All values in ms. */
export interface Clock {
  /** Monotonic; its zero means nothing. */
  now(): number;
  /** Calls `fire` once after `ms`, unless the returned function is called first. */
  after(ms: number, fire: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, fire) => {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};
