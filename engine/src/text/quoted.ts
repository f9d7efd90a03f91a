/** Finds the first quotation in a stream of text: nano's thinking repeats the user's words in quotes. */
export class QuotedText {
  readonly #open: string;
  readonly #close: string;
  #text = "";
  #found = false;

  constructor(open: string, close: string) {
    this.#open = open;
    this.#close = close;
  }

  /** The quotation, at the piece with which it is complete; undefined before and after. */
  push(text: string): string | undefined {
    if (this.#found) return undefined;
    this.#text += text;
    const start = this.#text.indexOf(this.#open);
    if (start < 0) return undefined;
    const from = start + this.#open.length;
    const end = this.#text.indexOf(this.#close, from);
    if (end < 0) return undefined;
    this.#found = true;
    return this.#text.slice(from, end);
  }
}
