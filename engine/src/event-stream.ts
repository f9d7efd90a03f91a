/**
 * A single-reader stream between what produces generate events and who iterates over them.
 * It buffers without a bound of its own: a generation yields at most its two token budgets plus three events.
 */
export interface EventStream<T> extends AsyncIterableIterator<T> {
  push(event: T): void;
  /** Drops what is buffered, except what `keep` is true of. */
  drop(keep: (event: T) => boolean): void;
  /** Ends the stream after what is buffered. Later calls have no effect. */
  end(): void;
  /** Rejects the reader after what is buffered. Later calls have no effect. */
  fail(error: unknown): void;
}

type Outcome = { readonly type: "open" } | { readonly type: "ended" } | { readonly type: "failed"; readonly error: unknown };

/**
 * @param onBreak called once when the reader leaves the iteration early; the iteration's `return` waits for the promise.
 */
export function createEventStream<T>(onBreak: () => Promise<void>): EventStream<T> {
  let buffered: T[] = [];
  let outcome: Outcome = { type: "open" };
  let wake: (() => void) | undefined;
  const settle = (next: Outcome): void => {
    if (outcome.type !== "open") return;
    outcome = next;
    wake?.();
  };
  return {
    push(event) {
      if (outcome.type !== "open") return;
      buffered.push(event);
      wake?.();
    },
    drop(keep) {
      buffered = buffered.filter(keep);
    },
    end: () => settle({ type: "ended" }),
    fail: (error) => settle({ type: "failed", error }),
    async next() {
      for (;;) {
        const event = buffered.shift();
        if (event !== undefined) return { done: false, value: event };
        if (outcome.type === "ended") return { done: true, value: undefined };
        if (outcome.type === "failed") {
          const { error } = outcome;
          outcome = { type: "ended" };
          throw error;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
    async return() {
      buffered.length = 0;
      if (outcome.type === "open") await onBreak();
      settle({ type: "ended" });
      buffered.length = 0;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
