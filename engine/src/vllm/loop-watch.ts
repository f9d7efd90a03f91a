/** Sees an output go round in circles. A server sends texts, not tokens; equal ones are taken for the same token. */
import { endsInLoop } from "../text/repetition.ts";

export class LoopWatch {
  readonly #numbers = new Map<string, number>();
  #said: number[] = [];

  add(text: string): void {
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    this.#said.push(number);
  }

  /** Something else begins. */
  reset(): void {
    this.#said = [];
  }

  get loops(): boolean {
    return endsInLoop(this.#said);
  }
}
