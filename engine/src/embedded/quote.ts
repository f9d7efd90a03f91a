/**
 * The user's words at the beginning of the thought. The scribe proposes them and the model that thinks checks them in one run, as it would a draft
 * (speculative decoding: Leviathan et al. 2023). Where it would go on with other words, it writes its own to their end. If it is sure of those, they
 * stand; else what both together find more probable: the scribe knows more words, the thinker knows what people ask of it.
 */
import type { HeardAudio } from "../hearing/heard-audio.ts";
import { endsInLoop } from "../text/repetition.ts";
import { type ConversationState, makeRoom } from "./conversation-state.ts";
import { type KvCache, rewind } from "./kv-cache.ts";
import type { Model } from "./model.ts";
import { argmax, logProbability } from "./sampler.ts";
import type { Step } from "./scheduler.ts";
import { textOf } from "./tokenizer.ts";

export interface ProposedWords {
  readonly words: string;
  /** What the scribe heard them in; undefined for more than it can weigh at once. */
  readonly audio: HeardAudio | undefined;
}

/** A thought's beginning that is in the cache and not said yet. */
export interface Quote {
  /** With all of the tokens in its cache. */
  readonly state: ConversationState;
  readonly tokens: readonly number[];
  /** How probable each token is, as natural logarithm: to the model that thinks; the scribe's words to both. */
  readonly logProbabilities: readonly number[];
  /** What may come after the last token. */
  readonly logits: Float32Array;
  /** Whose words they are: of both; of the thinker, where the scribe heard others or could not be asked; of the scribe, where the thinker did. */
  readonly by: "both" | "thinker" | "scribe";
}

type Path = Omit<Quote, "state" | "by"> & { readonly cache: KvCache };

/** Of the words; the longest turn that nano hears has about a hundred. */
const MAX_TOKENS = 128;
const NO_LOGITS = new Float32Array(0);

/**
 * @param opening tokens before the thought
 * @param step runs one step of work when the scheduler lets it
 * @returns undefined when the model would not quote anything, or there is no room for it; nothing has changed then
 */
export async function quote(
  model: Pick<Model, "config" | "tokenizer" | "decoder" | "scribe">,
  state: ConversationState,
  opening: readonly number[],
  { words, audio }: ProposedWords,
  step: Step,
): Promise<Quote | undefined> {
  const { scribe, tokenizer, decoder, config } = model;
  const { sure = 0, weight = 0 } = config.scribe ?? {};
  const [lead, rest] = config.transcript?.sentence?.split("{transcript}") ?? [];
  if (scribe === undefined || lead === undefined || rest === undefined) return undefined;
  const draft = tokenizer.encode(lead + words + rest);
  const firstWord = tokenizer.encode(lead).length;
  const roomy = makeRoom(state, opening.length + draft.length, config.contextTokens);
  if (roomy === undefined) return undefined;
  const given = [...roomy.owed, ...opening];
  const checked = await step(() => decoder.score([...given, ...draft], roomy.cache, roomy.audio));
  /** What the model would say in place of each token of the draft, and after the last. */
  const rows = checked.logits.slice(given.length - 1);
  const path = (tokens: readonly number[], cache: KvCache): Path => ({
    tokens,
    cache,
    logProbabilities: tokens.map((token, at) => logProbability(rows[at] ?? NO_LOGITS, token)),
    logits: rows[tokens.length] ?? NO_LOGITS,
  });
  const proposed = path(draft, checked.cache);
  const parting = draft.findIndex((token, at) => argmax(rows[at] ?? NO_LOGITS) !== token);
  if (parting >= 0 && parting < firstWord) return undefined;
  const said = ({ cache, ...path }: Path, by: Quote["by"]): Quote => ({ ...path, by, state: { ...roomy, cache, owed: [] } });
  if (parting < 0) return said(proposed, "both");
  if (audio === undefined) return said(proposed, "scribe");
  const agreed = path(draft.slice(0, parting), rewind(checked.cache, roomy.cache.length + given.length + parting));
  const own = await goOn(agreed, roomy.audio);
  const thinks = (path: Path) => mean(path.logProbabilities.slice(firstWord));
  if (own !== undefined && thinks(own) >= Math.log(sure)) return said(own, "thinker");
  const forWords = await scribe.weigh(audio, words, step);
  if (own !== undefined) {
    const forOwn = await scribe.weigh(audio, textOf(tokenizer, own.tokens.slice(firstWord, -1)), step);
    if (joint(thinks(own), forOwn) >= joint(thinks(proposed), forWords)) return said(own, "thinker");
  }
  const logProbabilities = proposed.logProbabilities.map((value, at) => (at < firstWord ? value : joint(value, forWords)));
  return { ...said(proposed, "scribe"), logProbabilities };

  /** Of the thinker's logarithm of a probability, and the scribe's. */
  function joint(forThinker: number, forScribe: number): number {
    return (forThinker + weight * forScribe) / (1 + weight);
  }

  /** Lets the model write on until the quotation closes. @returns undefined when it does not */
  async function goOn(path: Path, heard: HeardAudio): Promise<Path | undefined> {
    let { tokens, cache, logProbabilities, logits } = path;
    while (tokens.length - firstWord < MAX_TOKENS && !endsInLoop(tokens)) {
      const token = argmax(logits);
      if ([...config.specialTokens.values()].includes(token)) return undefined;
      const before = cache;
      const after = await step(() => decoder.step([token], before, heard));
      tokens = [...tokens, token];
      logProbabilities = [...logProbabilities, logProbability(logits, token)];
      ({ cache, logits } = after);
      if (textOf(tokenizer, [token]).includes(config.transcript?.close ?? rest ?? "")) return { tokens, cache, logProbabilities, logits };
    }
    return undefined;
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
