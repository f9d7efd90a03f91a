/**
 * Writes down what is said, while it is said: Whisper's decoder behind the streaming ear (open vocabulary; the model that thinks knows its domain).
 * What was written after less of the sound is a draft: one run checks all of it, and only from the first token on that is no longer the likeliest
 * it is written anew.
 */
import type { Heard as EarHeard } from "../hearing/ear.ts";
import type { AudioBlock, HeardAudio } from "../hearing/heard-audio.ts";
import { endsInLoop } from "../text/repetition.ts";
import type { Decoder } from "./decoder.ts";
import { closed, type Dictation, hasWords, isDue, liveTranscript, paused, rewritten, withBlock } from "./dictation.ts";
import { rewind } from "./kv-cache.ts";
import type { ScribeConfig } from "./model-config.ts";
import type { ProposedWords } from "./quote.ts";
import { logProbability } from "./sampler.ts";
import type { Step } from "./scheduler.ts";
import { type Tokenizer, textOf } from "./tokenizer.ts";

/** Nobody speaks so fast: ten words a second, as one token each. */
const MAX_TOKENS_PER_BLOCK = 5;
/** A word begins with what spells a space in the byte-level alphabet. */
const SPACE = "Ġ";
const WORD_PIECE = /^(?:Ġ|Ġ?[a-z']+)$/u;

const NO_LOGITS = new Float32Array(0);

export interface Finishing {
  readonly silence: () => Promise<AudioBlock>;
  readonly step: Step;
}

export interface Listening extends Finishing {
  readonly isBusy: boolean;
}

type Heard = Pick<EarHeard, "scribeAudio" | "transcript" | "endsStretch">;

export interface ScribeOptions {
  readonly decoder: Pick<Decoder, "empty" | "step" | "score">;
  readonly tokenizer: Tokenizer;
  readonly config: ScribeConfig;
}

export class Scribe {
  readonly #decoder: ScribeOptions["decoder"];
  readonly #tokenizer: Tokenizer;
  readonly #prompt: readonly number[];
  readonly #end: number;
  /** What it may write: pieces of words, and the end. */
  readonly #writable: Int32Array;

  constructor({ decoder, tokenizer, config }: ScribeOptions) {
    this.#decoder = decoder;
    this.#tokenizer = tokenizer;
    this.#prompt = config.prompt.map((control) => tokenizer.controlId(control));
    this.#end = tokenizer.controlId(config.end);
    const all = Array.from({ length: config.vocabSize }, (_, token) => token);
    this.#writable = Int32Array.from(
      all.filter((token) => token === this.#end || (tokenizer.control(token) === undefined && WORD_PIECE.test(tokenizer.spelling(token)))),
    );
  }

  /**
   * Takes in what the ear made of a block, and writes down what the user has said by now if the ear read more than was written.
   * @param silence what the ear would make of a silent block after it. It is heard for this reading only: in the middle of speech the scribe does
   * not find an end, and goes round in circles
   * @param isBusy others wait, so it may be late
   */
  async listen(
    dictation: Dictation,
    { scribeAudio, transcript, endsStretch }: Heard,
    { silence, isBusy, step }: Listening,
  ): Promise<Dictation> {
    if (scribeAudio === undefined || transcript === undefined) return dictation;
    let now = withBlock(dictation, scribeAudio, transcript);
    if (isDue(now, isBusy) || (endsStretch && hasWords(now))) {
      now = rewritten(now, await this.write(this.#ended(now.audio, await silence()), now.tokens, now.settled, step), this.beginsWord);
    } else if (now.ear.isPause) now = paused(now);
    return endsStretch ? closed(now, this.textOf) : now;
  }

  /** The live transcript. */
  live(dictation: Dictation): { stable: string; tail: string } {
    return liveTranscript(dictation, this.textOf);
  }

  /**
   * All that was said, now that the user has finished: with all of the sound at hand, no word of the last stretch is settled.
   * @param silence as for `listen`: the user may have let the button go with the last word
   * @returns undefined for no words
   */
  async finish(dictation: Dictation, { silence, step }: Finishing): Promise<ProposedWords | undefined> {
    const isSpoken = hasWords(dictation);
    const audio = isSpoken ? this.#ended(dictation.audio, await silence()) : dictation.audio;
    const last = isSpoken ? await this.write(audio, dictation.tokens, 0, step) : [];
    const words = (dictation.before + this.textOf(last)).trim();
    return words === "" ? undefined : { words, audio: dictation.before === "" ? audio : undefined };
  }

  #ended(audio: HeardAudio, silence: AudioBlock): HeardAudio {
    return { blocks: [...audio.blocks, silence], frames: audio.frames + silence.frames };
  }

  /**
   * @param draft what was written after less of the sound
   * @param settled so many of its tokens stay, whatever the sound says now
   */
  async write(audio: HeardAudio, draft: readonly number[], settled: number, step: Step): Promise<number[]> {
    // All of it is read again: what the decoder remembered of words that seemed to be the last ones would end the text there.
    const first = await step(() => this.#decoder.score([...this.#prompt, ...draft], this.#decoder.empty(), audio));
    const tokens = draft.slice(0, settled);
    const likeliestNext = () => this.#likeliest(first.logits[this.#prompt.length + tokens.length - 1]);
    let next = likeliestNext();
    for (const token of draft.slice(settled)) {
      if (next !== token) break;
      tokens.push(token);
      next = likeliestNext();
    }
    let cache = rewind(first.cache, this.#prompt.length + tokens.length);
    const most = MAX_TOKENS_PER_BLOCK * audio.blocks.length;
    while (next !== this.#end && tokens.length < most && !endsInLoop(tokens)) {
      const token = next;
      const before = cache;
      tokens.push(token);
      const after = await step(() => this.#decoder.step([token], before, audio));
      cache = after.cache;
      next = this.#likeliest(after.logits);
    }
    return tokens;
  }

  /** How probable words are in what was heard: the mean over their tokens and the end, as natural logarithm. */
  async weigh(audio: HeardAudio, words: string, step: Step): Promise<number> {
    const tokens = words === "" ? [] : this.#tokenizer.encode(` ${words}`);
    const { logits } = await step(() => this.#decoder.score([...this.#prompt, ...tokens], this.#decoder.empty(), audio));
    const rows = logits.slice(this.#prompt.length - 1);
    const sum = [...tokens, this.#end].reduce((total, token, at) => total + logProbability(rows[at] ?? NO_LOGITS, token), 0);
    return sum / (tokens.length + 1);
  }

  /** With a space before every word. */
  readonly textOf = (tokens: readonly number[]): string => textOf(this.#tokenizer, tokens);

  readonly beginsWord = (token: number): boolean => this.#tokenizer.spelling(token).startsWith(SPACE);

  #likeliest(logits: Float32Array = NO_LOGITS): number {
    let best = this.#end;
    let most = logits[best] ?? Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#writable.length; i += 1) {
      const token = this.#writable[i] ?? best;
      const logit = logits[token] ?? Number.NEGATIVE_INFINITY;
      if (logit <= most) continue;
      most = logit;
      best = token;
    }
    return best;
  }
}
