/**
 * Two channels from a one-channel model. Step-Audio-R1 and its relatives think in one text; each sentence of it is given to the
 * acoustic channel when it speaks of the sound (pitch, pace, loudness, timbre, background) and to the semantic one when it speaks of words and
 * meaning. This is a **heuristic**: it looks at words, and events say so. Pure.
 */

export type ThoughtChannel = "semantic" | "acoustic";

/** @param previous the channel of the sentence before; undefined for the first */
export type ThoughtSegmenter = (sentence: string, previous: ThoughtChannel | undefined) => ThoughtChannel;

/** Words for what only the sound tells. */
const SOUND =
  /\b(?:pitch|intonation|ton(?:e|al|ality)|timbre|prosod\w+|cadence|rhythm\w*|tempo|pace|paced|loud\w*|volume|quiet\w*|whisper\w*|shout\w*|energ\w+|breath\w*|pauses?|hesitat\w+|stress(?:es|ed)?|accent\w*|voices?|vocal\w*|hoarse\w*|nasal|resonan\w+|reverb\w*|echo\w*|noise|noisy|background|hum|hiss|music\w*|melod\w+|chords?|minor key|major key|instruments?|frequenc\w+|hertz|hz|decibels?|acoustic\w*|sounds? (?:calm|happy|sad|angry|tired|tense|excited|nervous|relaxed|male|female|young|old)|recording|microphone|laugh\w*|sighs?|sobs?|cries|crying|audibl\w+)\b/giu;

/** Words for what was said and asked. */
const MEANING =
  /\b(?:says?|said|asks?|asked|asking|wants?|wanted|means?|meaning|question|answer\w*|words?|sentence|transcri\w+|request\w*|topic|facts?|know\w*|should|because|therefore|calculat\w+|equals?|reply|respond\w*)\b/giu;

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

/** As many words of sound as of meaning make a sentence acoustic: it concludes from what was heard. One that has neither goes on with the sentence before it. */
export const segmentThought: ThoughtSegmenter = (sentence, previous) => {
  const sound = count(sentence, SOUND);
  const meaning = count(sentence, MEANING);
  if (sound === 0 && meaning === 0) return previous ?? "semantic";
  return sound >= meaning ? "acoustic" : "semantic";
};

/** A sentence that does not end is decided on at this length, in characters, so that a thought is never held back for long. */
const MAX_HELD = 160;

/** Cuts a thought into sentences as it comes. A sentence ends at `.`, `!`, `?` or `;` before white space, or at a line break. */
export class ThoughtSentences {
  readonly #segment: ThoughtSegmenter;
  #held = "";
  #tokens = 0;
  #previous: ThoughtChannel | undefined;
  /** What follows the cut of an overlong sentence stays with it. */
  #isInside = false;

  constructor(segment: ThoughtSegmenter) {
    this.#segment = segment;
  }

  push(text: string, tokens: number): { channel: ThoughtChannel; text: string; tokens: number }[] {
    this.#held += text;
    this.#tokens += tokens;
    const end = lastSentenceEnd(this.#held);
    if (end > 0) return this.#flush(end, true);
    return this.#held.length > MAX_HELD ? this.#flush(this.#held.length, false) : [];
  }

  end(): { channel: ThoughtChannel; text: string; tokens: number }[] {
    return this.#held === "" && this.#tokens === 0 ? [] : this.#flush(this.#held.length, true);
  }

  #flush(to: number, isEnd: boolean) {
    const text = this.#held.slice(0, to);
    this.#held = this.#held.slice(to);
    const sentences = text.match(/.+?(?:[.!?;](?=\s)|\n|$)\s*/gsu) ?? [text];
    const out = sentences.map((sentence) => {
      const channel = this.#isInside && this.#previous !== undefined ? this.#previous : this.#segment(sentence, this.#previous);
      this.#isInside = false;
      this.#previous = channel;
      return { channel, text: sentence, tokens: 0 };
    });
    this.#isInside = !isEnd;
    const first = out[0];
    if (first !== undefined) first.tokens = this.#tokens;
    this.#tokens = 0;
    return out;
  }
}

/** Where the last complete sentence ends, white space included; 0 where none is complete. */
function lastSentenceEnd(text: string): number {
  let end = 0;
  for (const match of text.matchAll(/(?:[.!?;]\s+|\n\s*)/gu)) end = match.index + match[0].length;
  return end;
}
