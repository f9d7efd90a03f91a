/**
 * Loop detection: a model that repeats one phrase over and over will not stop by itself.
 * What the caller does about it: thinking is closed and the answer begins; an answer ends with reason `length`.
 */

/** A phrase longer than this is not looked for; 32 tokens are about two spoken sentences. */
const MAX_PHRASE_TOKENS = 32;
/** Repeated tokens there must be beyond the phrase's first occurrence, so that "ha ha ha" or "1 1 1" is no loop. */
const MIN_REPEATED_TOKENS = 24;
const MIN_REPEATS = 3;

/**
 * Whether `ids` ends in one phrase repeated back to back: at least `MIN_REPEATS` times after the first, over at least
 * `MIN_REPEATED_TOKENS` tokens. Cost is proportional to `MAX_PHRASE_TOKENS` in the usual case.
 */
export function isLooping(ids: readonly number[]): boolean {
  for (let phrase = 1; phrase <= MAX_PHRASE_TOKENS; phrase++) {
    const needed = Math.max(MIN_REPEATED_TOKENS, MIN_REPEATS * phrase);
    if (ids.length < needed + phrase) continue;
    let same = 0;
    while (same < needed && ids[ids.length - 1 - same] === ids[ids.length - 1 - same - phrase]) same++;
    if (same === needed) return true;
  }
  return false;
}
