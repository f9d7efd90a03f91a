/** Tells the client how far its packets have arrived, so that it can let go of them: at most every 100 ms while audio flows. */
import type { Clock } from "../clock.ts";

const ACK_EVERY_MS = 100;

export class AudioAck {
  readonly #clock: Clock;
  readonly #send: (seq: number) => void;
  #newest = -1;
  #sent = -1;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, send: (seq: number) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  received(seq: number): void {
    this.#newest = seq;
    this.#cancel ??= this.#clock.after(ACK_EVERY_MS, () => {
      this.#cancel = undefined;
      if (this.#newest === this.#sent) return;
      this.#sent = this.#newest;
      this.#send(this.#newest);
    });
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
