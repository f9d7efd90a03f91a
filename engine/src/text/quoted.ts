/** Finds the first quotation in a stream of text: nano's thinking repeats the user's words in quotes. */
export interface Quotation {
  readonly words: string;
  /** What the piece that completed it holds behind it. */
  readonly rest: string;
}

export class QuotedText {
  readonly #open: string;
  readonly #close: string;
  #text = "";
  #state: "before" | "inside" | "found" = "before";

  constructor(open: string, close: string) {
    this.#open = open;
    this.#close = close;
  }

  /** Whether it has begun and is not complete. */
  get isInside(): boolean {
    return this.#state === "inside";
  }

  /** The quotation, at the piece with which it is complete; undefined before and after. */
  push(text: string): Quotation | undefined {
    if (this.#state === "found") return undefined;
    this.#text += text;
    const start = this.#text.indexOf(this.#open);
    if (start < 0) return undefined;
    this.#state = "inside";
    const from = start + this.#open.length;
    const end = this.#text.indexOf(this.#close, from);
    if (end < 0) return undefined;
    this.#state = "found";
    return { words: this.#text.slice(from, end), rest: this.#text.slice(end + this.#close.length) };
  }
}
