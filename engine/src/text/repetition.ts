/** Loop detection: small models can fall into repeating themselves. Pure. */

/** The shortest period looked for is one token, the longest this. */
const MAX_PERIOD = 24;
/** Repeats that make a loop, by the length of what is repeated: a word twice is language, a sentence three times is not. */
const MIN_REPEATS = 4;
const MIN_REPEATED_TOKENS = 16;

/**
 * Whether `tokens` end in the same sequence over and over: at least 4 times, and at least 16 tokens of it in all.
 * (So "no, no, no, no" is fine and counting is, too: its numbers differ.)
 */
export function endsInLoop(tokens: readonly number[]): boolean {
  for (let period = 1; period <= MAX_PERIOD; period += 1) {
    const needed = Math.max(MIN_REPEATS * period, MIN_REPEATED_TOKENS);
    if (needed > tokens.length) return false;
    const from = tokens.length - needed + period;
    let repeats = true;
    for (let i = from; i < tokens.length && repeats; i += 1) repeats = tokens[i] === tokens[i - period];
    if (repeats) return true;
  }
  return false;
}
