/**
 * Keeps a model's template out of what is shown. A control token in an answer is where a model has begun to write the next turn by itself: the answer
 * ends before it. An answer that begins as a request to some service (Step-Audio-R1 #12: `{"model":"…-provider","prompt":…`) is no answer. Pure.
 */
const MARKS = /<\|[A-Za-z][\w-]{0,39}\|>|<(?:audio_start|audio_patch|audio_end|tts_start|tts_end|audio_\d+)>/u;
const PARTIAL_MARK = /<(?:\|[\w-]{0,40}\|?|[a-z_]{0,12}\d{0,5})?$/u;
const REQUEST = /^\s*\{\s*"(?:model|prompt|messages)"\s*:/u;
const PARTIAL_REQUEST = /^\s*(?:\{\s*(?:"[a-z]{0,8}"?\s*)?)?$/u;

export type Guarded = { readonly text: string; readonly leak: "none" | "turn" | "request" };

export class TemplateGuard {
  #held = "";
  #begun: boolean;

  /** @param begun whether the answer has text already, as when it is continued */
  constructor(begun = false) {
    this.#begun = begun;
  }

  push(text: string): Guarded {
    const all = this.#held + text;
    this.#held = "";
    if (!this.#begun) {
      if (REQUEST.test(all)) return { text: "", leak: "request" };
      if (PARTIAL_REQUEST.test(all)) {
        this.#held = all;
        return { text: "", leak: "none" };
      }
      this.#begun = true;
    }
    const mark = MARKS.exec(all);
    if (mark !== null) return { text: all.slice(0, mark.index), leak: "turn" };
    const partial = PARTIAL_MARK.exec(all);
    const keep = partial === null ? all.length : partial.index;
    this.#held = all.slice(keep);
    return { text: all.slice(0, keep), leak: "none" };
  }

  /** The output is over: what was held is text after all. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}
