/** Turns generated tokens into events: text by channel, the user's words found in the thinking, a tool call's text kept back. */
import type { GenerateEvent, GenerateRequest } from "../engine.ts";
import { ByteLevelStream } from "../text/byte-level.ts";
import { ChannelSplitter, type ChannelText, type MarkedChannel } from "../text/channel-splitter.ts";
import { type Quotation, QuotedText } from "../text/quoted.ts";
import type { ConversationState, OpenTurn } from "./conversation-state.ts";
import type { Model } from "./model.ts";

export interface SpeakerContext {
  readonly model: Model;
  readonly state: ConversationState;
  /** The turn that is answered; undefined when an answer that was cut goes on. */
  readonly turn: OpenTurn | undefined;
  readonly request: GenerateRequest;
  readonly emit: (event: GenerateEvent) => void;
}

/** The user's words as the model quoted them. */
export interface HeardWords extends Quotation {
  /** Geometric mean of the probabilities of its tokens; undefined for no words. */
  readonly confidence: number | undefined;
}

/** Characters. */
const LONGEST_CALL = 400;
/** A sentence of its own, the last one: never inside the user's words, which a quotation mark closes. */
const PLANNED_CALL = /(?:^|[\s.])([a-z][a-z_]*\([^()]*\))\.?\s*$/;

/** Counted towards the thinking budget or the answer's. */
export const isThought = (channel: MarkedChannel) => channel === "semantic" || channel === "acoustic";

export class Speaker {
  readonly #context: SpeakerContext;
  readonly #splitter: ChannelSplitter;
  readonly #bytes: ByteLevelStream;
  readonly #quoted: QuotedText | undefined;
  readonly #logProbabilities: number[] = [];
  #isTranscribed: boolean;
  #words = "";
  /** Tokens since the last delta. */
  #tokens = 0;
  #callText = "";
  /** The semantic thought so far, or its last part. */
  #thought = "";

  constructor(context: SpeakerContext) {
    const { model, request, turn, state } = context;
    const { prompt, transcript } = model.config;
    const cut = turn === undefined && state.continuation?.type === "token" ? state.continuation : undefined;
    const { callOpen, callClose } = prompt.tools ?? {};
    this.#context = context;
    this.#bytes = new ByteLevelStream(cut?.bytes);
    this.#splitter = new ChannelSplitter({
      start: cut?.channel ?? (request.mode === "think" ? "semantic" : "answer"),
      begun: cut !== undefined,
      markers: {
        [prompt.acousticOpen]: "acoustic",
        [prompt.thinkClose]: "answer",
        ...(callOpen !== undefined && { [callOpen]: "tool_call" }),
        ...(callClose !== undefined && { [callClose]: "return" }),
      },
    });
    const isQuoted = transcript !== undefined && request.mode === "think";
    this.#quoted = isQuoted ? new QuotedText(transcript.open, transcript.close) : undefined;
    this.#isTranscribed = turn?.ear === undefined;
    if (!isQuoted) this.transcribeByEar();
  }

  get channel(): MarkedChannel {
    return this.#splitter.channel;
  }

  /** The bytes of a character whose last tokens are still to come. */
  get cutCharacter(): Uint8Array {
    return this.#bytes.rest;
  }

  /** Whether the next token is one of the user's words, as the model heard them. */
  get isQuoting(): boolean {
    return !this.#isTranscribed && this.#quoted?.isInside === true;
  }

  /** The user's words as they were given out; empty for a turn that was typed. */
  get words(): string {
    return this.#words;
  }

  /** What the tool call that is being written says so far. */
  get callText(): string {
    return this.#callText;
  }

  /** The call that the semantic thought ends with: what the model means to do, whether or not the app has a tool for it. */
  get plannedCall(): string | undefined {
    return PLANNED_CALL.exec(this.#thought)?.[1];
  }

  /** Notes how probable the token was that will be said next, while quoting. The one that holds the closing mark is not counted. */
  weigh(logProbability: number): void {
    this.#logProbabilities.push(logProbability);
  }

  /** What the ear heard, for thinking that does not say the user's words or was closed before it did. */
  transcribeByEar(): void {
    const heard = this.#context.turn?.transcript;
    if (heard !== undefined) this.#transcribe((heard.stable + heard.tail).trim(), undefined);
  }

  /** @returns the user's words, if this token completes them */
  say(token: number, control: string | undefined): HeardWords | undefined {
    this.#tokens += 1;
    if (control === undefined) {
      return this.#emit(this.#splitter.plain(this.#bytes.push(this.#context.model.tokenizer.spelling(token))));
    }
    const before = this.channel;
    // Half a character does not go on in another channel.
    this.#emit(this.#splitter.plain(this.#bytes.end()));
    this.#splitter.mark(control);
    // The channel in which the user's words would have stood is over without them: no words were heard.
    if (before === this.#context.model.config.transcript?.channel && this.channel !== before) this.#transcribe("", undefined);
    return undefined;
  }

  /** Forgets the tool call that was being written. */
  dropCall(): void {
    const { tools } = this.#context.model.config.prompt;
    this.#callText = "";
    this.#bytes.end();
    if (tools !== undefined) this.#splitter.mark(tools.callClose);
  }

  end(): void {
    this.#emit([...this.#splitter.plain(this.#bytes.end()), ...this.#splitter.end()]);
  }

  #emit(parts: readonly ChannelText[]): HeardWords | undefined {
    let heard: HeardWords | undefined;
    for (const { channel, text } of parts) {
      if (channel === "tool_call") {
        this.#callText += text;
        continue;
      }
      if (channel === "semantic") this.#thought = (this.#thought + text).slice(-LONGEST_CALL);
      this.#context.emit({ type: "delta", channel, text, tokens: this.#tokens });
      this.#tokens = 0;
      const quotation = channel === this.#context.model.config.transcript?.channel ? this.#quoted?.push(text) : undefined;
      if (quotation === undefined || this.#isTranscribed) continue;
      heard = { ...quotation, confidence: this.#confidence() };
      this.#transcribe(heard.words, heard.confidence);
    }
    return heard;
  }

  #confidence(): number | undefined {
    const words = this.#logProbabilities.slice(0, -1);
    return words.length === 0 ? undefined : Math.exp(words.reduce((sum, value) => sum + value, 0) / words.length);
  }

  #transcribe(text: string, confidence: number | undefined): void {
    if (this.#isTranscribed) return;
    this.#isTranscribed = true;
    this.#words = text;
    this.#context.emit({ type: "transcript", text, ...(confidence !== undefined && { confidence }) });
  }
}
