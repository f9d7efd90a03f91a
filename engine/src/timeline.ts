/**
 * A conversation over time: its calls take effect one after another, in the order in which they are made, and it can be taken back to points
 * that were marked. Every implementation of the port keeps its state in one (the host's side of a child only numbers the points).
 */
import { AloudError } from "@aloud/client/protocol";
import { type Checkpoint, MAX_CHECKPOINTS } from "./engine.ts";

/** The numbers that `rollback` accepts: at most `MAX_CHECKPOINTS`, the oldest is forgotten first. */
export class CheckpointNumbers {
  #known: number[] = [];
  #next = 0;

  add(): { readonly id: number; readonly forgotten: number | undefined } {
    const id = this.#next++;
    this.#known.push(id);
    return { id, forgotten: this.#known.length > MAX_CHECKPOINTS ? this.#known.shift() : undefined };
  }

  /** Forgets those after `id`. @throws AloudError `internal_error` when it is unknown or was forgotten */
  goBackTo({ id }: Checkpoint): void {
    if (!this.#known.includes(id)) throw new AloudError("internal_error", `checkpoint ${id} is unknown or was forgotten`);
    this.#known = this.#known.filter((known) => known <= id);
  }
}

/** `State` is a value: a checkpoint is a reference to it. */
export class Timeline<State> {
  state: State;
  readonly #mustBeOpen: () => void;
  readonly #numbers = new CheckpointNumbers();
  readonly #marked = new Map<number, State>();
  #order: Promise<unknown> = Promise.resolve();

  /** @param mustBeOpen throws when the conversation is over; asked at every call, and again when its turn has come */
  constructor(state: State, mustBeOpen: () => void) {
    this.state = state;
    this.#mustBeOpen = mustBeOpen;
  }

  /** States that are kept for checkpoints. */
  get kept(): number {
    return this.#marked.size;
  }

  /** Settles when everything that was called before has had its effect. Never rejects. */
  get settled(): Promise<unknown> {
    return this.#order;
  }

  inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#order.then(() => {
      this.#mustBeOpen();
      return work();
    });
    this.#order = result.catch(() => undefined);
    return result;
  }

  /** Known to `rollback` at once; what was called before has its effect first. */
  checkpoint(): Checkpoint {
    this.#mustBeOpen();
    const { id, forgotten } = this.#numbers.add();
    this.inOrder(() => {
      this.#marked.set(id, this.state);
      if (forgotten !== undefined) this.#marked.delete(forgotten);
    }).catch(() => undefined);
    return { id };
  }

  /** @throws AloudError `internal_error` */
  rollback(to: Checkpoint): void {
    this.#mustBeOpen();
    this.#numbers.goBackTo(to);
    this.inOrder(() => {
      this.state = this.#marked.get(to.id) ?? this.state;
      for (const id of this.#marked.keys()) if (id > to.id) this.#marked.delete(id);
    }).catch(() => undefined);
  }

  /** Forgets all checkpoints' states: the conversation is over. */
  clear(): void {
    this.#marked.clear();
  }
}
