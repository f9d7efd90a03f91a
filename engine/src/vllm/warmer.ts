/**
 * Prefill while the user speaks: the prompt so far is sent with `max_tokens: 1`, so that its blocks are in the server's prefix cache when the answer is asked for.
 * One at a time; while one runs only the newest that waits is kept, for it covers the others. None is ever cut off.
 */
import { ServerRefusal } from "./server.ts";

interface Waiting {
  readonly send: () => Promise<void>;
  readonly settled: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
}

export class Warmer {
  #running = false;
  #waiting: Waiting | undefined;
  #ended: unknown;

  /** Resolves when this or a later one is through. A server that is too busy is no error: the answer is then prefilled late. */
  warm(send: () => Promise<void>): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { send, settled: [...(this.#waiting?.settled ?? []), { resolve, reject }] };
      if (!this.#running) void this.#run();
    });
  }

  /** What waits is of no more use: the answer itself is asked for. */
  skip(): void {
    for (const { resolve } of this.#waiting?.settled ?? []) resolve();
    this.#waiting = undefined;
  }

  end(error: unknown): void {
    this.#ended = error;
    for (const { reject } of this.#waiting?.settled ?? []) reject(error);
    this.#waiting = undefined;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      const error = await next.send().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const isGone = error instanceof ServerRefusal && error.kind === "gone";
      for (const { resolve, reject } of next.settled) {
        if (this.#ended !== undefined) reject(this.#ended);
        else if (isGone) reject(error);
        else resolve();
      }
    }
    this.#running = false;
  }
}
