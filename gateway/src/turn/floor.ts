/** Who has the floor: the one `Turn` of a session. Events are reduced one after the other, and what each asks for is done before the next. */
import type { Logger } from "../log.ts";
import type { Policy } from "./policy.ts";
import { reduce } from "./reduce.ts";
import { type Command, IDLE, type Turn, type TurnEvent } from "./turn.ts";

export interface FloorOptions {
  readonly policy: () => Policy;
  readonly perform: (command: Command) => void;
  /** Every event has been dealt with. */
  readonly onSettled: (turn: Turn) => void;
  readonly logger: Logger;
}

export class Floor {
  readonly #options: FloorOptions;
  #turn: Turn = IDLE;
  /** Events that arose while another one was being reduced. */
  readonly #events: TurnEvent[] = [];
  #state: "idle" | "reducing" | "closed" = "idle";

  constructor(options: FloorOptions) {
    this.#options = options;
  }

  get turn(): Turn {
    return this.#turn;
  }

  dispatch(event: TurnEvent): void {
    if (this.#state === "closed") return;
    this.#events.push(event);
    if (this.#state === "reducing") return;
    const { policy, perform, onSettled, logger } = this.#options;
    this.#state = "reducing";
    try {
      for (let next = this.#events.shift(); next !== undefined && this.#isOpen(); next = this.#events.shift()) {
        const { turn, commands } = reduce(this.#turn, next, policy());
        if (turn.phase !== this.#turn.phase) logger.debug({ from: this.#turn.phase, to: turn.phase, turn: turn.turnId }, "turn");
        this.#turn = turn;
        for (const command of commands) perform(command);
      }
    } finally {
      if (this.#isOpen()) this.#state = "idle";
    }
    onSettled(this.#turn);
  }

  /** Nothing is reduced any more. Idempotent. */
  close(): void {
    this.#state = "closed";
  }

  #isOpen(): boolean {
    return this.#state !== "closed";
  }
}
