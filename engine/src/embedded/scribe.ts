/**
 * Writes down what is said, while it is said: Whisper's decoder behind the streaming ear (open vocabulary; the model that thinks knows its domain).
 * What was written after less of the sound is a draft: one run checks all of it, and only from the first token on that is no longer the likeliest
 * it is written anew.
 */
import { type AudioBlock, addBlock, type HeardAudio } from "../hearing/heard-audio.ts";
import { endsInLoop } from "../text/repetition.ts";
import type { Decoder } from "./decoder.ts";
import {
  closed,
  type Dictation,
  type EarText,
  endsSegment,
  hasWords,
  isDue,
  paused,
  rewritten,
  type SegmentLimits,
  withBlock,
} from "./dictation.ts";
import { type KvCache, rewind } from "./kv-cache.ts";
import type { ScribeConfig } from "./model-config.ts";
import type { ProposedWords } from "./quote.ts";
import { logProbability } from "./sampler.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Nobody speaks so fast: ten words a second, as one token each. */
const MAX_TOKENS_PER_BLOCK = 5;
/** A word begins with what spells a space in the byte-level alphabet. */
const SPACE = "Ġ";
const WORD_PIECE = /^(?:Ġ|Ġ?[a-z']+)$/u;

const NO_LOGITS = new Float32Array(0);

/** Runs one step of work when the scheduler lets it. */
type Step = <T>(work: () => Promise<T>) => Promise<T>;

export interface Writing {
  readonly audio: HeardAudio;
  readonly draft: readonly number[];
  readonly settled: number;
  readonly step: Step;
  readonly memory?: KvCache | undefined;
}

export interface Finishing {
  readonly dictation: Dictation;
  readonly silence: () => Promise<AudioBlock>;
  readonly ear: EarText;
  readonly step: Step;
}

export interface Listening extends Finishing {
  readonly block: AudioBlock;
  readonly isBusy: boolean;
}

export interface ScribeOptions {
  readonly decoder: Pick<Decoder, "empty" | "step" | "score">;
  readonly tokenizer: Tokenizer;
  readonly config: ScribeConfig;
  readonly limits: SegmentLimits;
}

export class Scribe {
  readonly #decoder: ScribeOptions["decoder"];
  readonly #tokenizer: Tokenizer;
  readonly #prompt: readonly number[];
  readonly #end: number;
  /** What it may write: pieces of words, and the end. */
  readonly #writable: Int32Array;
  readonly #limits: SegmentLimits;

  constructor({ decoder, tokenizer, config, limits }: ScribeOptions) {
    this.#limits = limits;
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
   * Takes in a block, and writes down what the user has said by now if the ear read more than was written.
   * @param silence what the ear would make of a silent block after it. It is heard for this reading only: in the middle of speech the scribe does
   * not find an end, and goes round in circles
   * @param isBusy others wait, so it may be late
   */
  async listen({ dictation, block, silence, ear, isBusy, step }: Listening): Promise<Dictation> {
    let now = withBlock(dictation, block, this.#limits.maxFrames);
    const ends = endsSegment(now, ear, this.#limits);
    if (ends || isDue(now, ear, isBusy)) {
      const audio = this.#ended(now.audio, await silence());
      const { tokens, cache } = await this.write({ audio, draft: now.tokens, settled: now.settled, step, memory: now.memory });
      now = rewritten(now, tokens, ear, this.beginsWord);
      now = { ...now, memory: rewind(cache, this.#prompt.length + now.settled - 1) };
    } else if (ear.isPause) now = paused(now);
    return ends ? closed(now, ear, this.textOf) : now;
  }

  /**
   * All that was said, now that the user has finished: with all of the sound at hand, no word of the open segment is settled.
   * @param silence as for `listen`: the user may have let the button go with the last word
   * @returns undefined for no words
   */
  async finish({ dictation, silence, ear, step }: Finishing): Promise<ProposedWords | undefined> {
    const isSpoken = hasWords(dictation, ear);
    const audio = isSpoken ? this.#ended(dictation.audio, await silence()) : dictation.audio;
    const { tokens: last } = isSpoken ? await this.write({ audio, draft: dictation.tokens, settled: 0, step }) : { tokens: [] };
    const words = (dictation.before + this.textOf(last)).trim();
    return words === "" ? undefined : { words, audio: dictation.before === "" ? audio : undefined };
  }

  #ended(audio: HeardAudio, silence: AudioBlock): HeardAudio {
    return addBlock(audio, silence, audio.frames + silence.frames);
  }

  /**
   * @param draft what was written after less of the sound
   * @param settled so many of its tokens stay, whatever the sound says now
   * @param memory what the decoder remembers of the prompt and of settled tokens, short of the last of them; by default it reads all of them again
   */
  async write({ audio, draft, settled, step, memory = this.#decoder.empty() }: Writing): Promise<{ tokens: number[]; cache: KvCache }> {
    const given = [...this.#prompt, ...draft].slice(memory.length);
    const first = await step(() => this.#decoder.score(given, memory, audio));
    const tokens = draft.slice(0, settled);
    const likeliestNext = () => this.#likeliest(first.logits[this.#prompt.length + tokens.length - 1 - memory.length]);
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
    return { tokens, cache };
  }

  /** How probable words are in what was heard: the mean over their tokens and the end, as natural logarithm. */
  async weigh(audio: HeardAudio, words: string, step: Step): Promise<number> {
    const tokens = words === "" ? [] : this.#tokenizer.encode(` ${words}`);
    const { logits } = await step(() => this.#decoder.score([...this.#prompt, ...tokens], this.#decoder.empty(), audio));
    const rows = logits.slice(this.#prompt.length - 1);
    const sum = [...tokens, this.#end].reduce((total, token, at) => total + logProbability(rows[at] ?? NO_LOGITS, token), 0);
    return sum / (tokens.length + 1);
  }

  /** Text of tokens, with a space before every word. */
  readonly textOf = (tokens: readonly number[]): string =>
    tokens
      .map((token) => this.#tokenizer.spelling(token))
      .join("")
      .replaceAll(SPACE, " ");

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
