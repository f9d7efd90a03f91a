/**
 * Generates one answer: thinking within its budget, then the answer within its own, token by token. Everything that ends it leaves the
 * conversation in a state from which the next turn, or the rest of the answer, can go on.
 */
import type { EndReason, GenerateEvent, GenerateRequest } from "../engine.ts";
import { ByteLevelStream } from "../text/byte-level.ts";
import { ChannelSplitter, type ChannelText, type MarkedChannel } from "../text/channel-splitter.ts";
import { QuotedText } from "../text/quoted.ts";
import { endsInLoop } from "../text/repetition.ts";
import { type Continuation, type ConversationState, makeRoom, type OpenTurn } from "./conversation-state.ts";
import type { Model } from "./model.ts";
import { pick } from "./sampler.ts";

export interface GenerationContext {
  readonly model: Model;
  /** With the user's turn closed. */
  readonly state: ConversationState;
  /** The turn that is answered; undefined when an answer that was cut goes on. */
  readonly turn: OpenTurn | undefined;
  readonly prefilledTokens: number;
  readonly request: GenerateRequest;
  readonly signal: AbortSignal;
  readonly emit: (event: GenerateEvent) => void;
  /** Runs one step of work when the scheduler lets it. */
  readonly step: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Counted towards the thinking budget or the answer's. */
const isThought = (channel: MarkedChannel) => channel === "semantic" || channel === "acoustic";
const GREEDY = { temperature: 0, topP: 1 } as const;

export async function generate(context: GenerationContext): Promise<ConversationState> {
  const { model, turn, request, signal, emit } = context;
  const { prompt } = model.config;
  const sampling = request.sampling ?? GREEDY;
  const speaker = new Speaker(context);
  let state = context.state;
  let seed = request.sampling?.seed ?? 0;
  let thinkTokens = 0;
  let answerTokens = 0;
  const spoken: number[] = [];
  const promptTokens = state.cache.length;

  /** Feeds tokens and picks the next one. Undefined when the context is full. */
  const advance = async (tokens: readonly number[]): Promise<number | undefined> => {
    const roomy = makeRoom(state, tokens.length, model.config.contextTokens);
    if (roomy === undefined) return undefined;
    const { decoder } = model;
    const { cache, logits } = await context.step(() => decoder.step(decoder.embed(tokens), roomy.cache));
    state = { ...roomy, cache };
    const picked = pick(logits, sampling, seed);
    seed = picked.seed;
    return picked.token;
  };
  const id = model.tokenizer.controlId;
  const ids = (controls: readonly string[]) => controls.map(id);
  /** The state after generation. What closes the answer is owed: it goes into the cache before whatever comes next. */
  const finish = (reason: EndReason, continuation?: Continuation): ConversationState => {
    if (reason === "stop") speaker.end();
    const audioTokens = turn?.audioTokens ?? 0;
    emit({
      type: "end",
      reason,
      usage: { promptTokens, audioTokens, prefilledTokens: context.prefilledTokens, thinkTokens, answerTokens },
    });
    const closing = isThought(speaker.channel) ? [prompt.thinkClose, prompt.turnClose] : [prompt.turnClose];
    return { ...state, owed: ids(closing), continuation };
  };

  const before = turn === undefined ? state.continuation : undefined;
  if (before?.type === "exhausted") return finish("length", before);
  let next =
    before === undefined
      ? await advance(ids([...prompt.assistantOpen, ...(request.mode === "think" ? prompt.think : prompt.direct)]))
      : before.token;
  for (;;) {
    if (signal.aborted) return finish("aborted");
    if (next === undefined) return finish("length", { type: "exhausted" });
    if (model.config.endTokens.has(next)) return finish("stop");
    const thinking = isThought(speaker.channel);
    if (!thinking && answerTokens >= request.maxAnswerTokens) {
      return finish("length", { type: "token", token: next, channel: speaker.channel, bytes: speaker.cutCharacter });
    }
    const isLoop = endsInLoop(spoken);
    // More of the same helps nobody: a thought is closed and answered from, an answer is over.
    if (isLoop && !thinking) return finish("length", { type: "exhausted" });
    if (thinking && (isLoop || thinkTokens >= request.maxThinkTokens)) {
      speaker.transcribeByEar();
      next = id(prompt.thinkClose);
    } else if (thinking) thinkTokens += 1;
    else answerTokens += 1;
    const control = model.tokenizer.control(next);
    if (control === undefined) spoken.push(next);
    else spoken.length = 0;
    speaker.say(next, control);
    next = await advance([next]);
  }
}

/** Turns tokens into channel deltas, and finds the user's words among them. */
class Speaker {
  readonly #context: GenerationContext;
  readonly #splitter: ChannelSplitter;
  readonly #bytes: ByteLevelStream;
  readonly #quoted: QuotedText | undefined;
  #isTranscribed: boolean;
  /** Tokens since the last delta. */
  #tokens = 0;

  constructor(context: GenerationContext) {
    const { model, request, turn, state } = context;
    const { prompt, transcript } = model.config;
    const cut = turn === undefined && state.continuation?.type === "token" ? state.continuation : undefined;
    this.#context = context;
    this.#bytes = new ByteLevelStream(cut?.bytes);
    this.#splitter = new ChannelSplitter({
      start: cut?.channel ?? (request.mode === "think" ? "semantic" : "answer"),
      begun: cut !== undefined,
      markers: { [prompt.acousticOpen]: "acoustic", [prompt.thinkClose]: "answer", "<tool_call>": "tool_call", "</tool_call>": "return" },
    });
    const isQuoted = transcript !== undefined && request.mode === "think";
    this.#quoted = isQuoted ? new QuotedText(transcript.open, transcript.close) : undefined;
    this.#isTranscribed = turn?.ear === undefined;
    if (!isQuoted) this.transcribeByEar();
  }

  /** What the ear heard, for thinking that does not say the user's words or was closed before it did. */
  transcribeByEar(): void {
    const heard = this.#context.turn?.transcript;
    if (heard !== undefined) this.#transcribe((heard.stable + heard.tail).trim());
  }

  get channel(): MarkedChannel {
    return this.#splitter.channel;
  }

  /** The bytes of a character whose last tokens are still to come. */
  get cutCharacter(): Uint8Array {
    return this.#bytes.rest;
  }

  say(token: number, control: string | undefined): void {
    this.#tokens += 1;
    if (control === undefined) {
      this.#emit(this.#splitter.plain(this.#bytes.push(this.#context.model.tokenizer.spelling(token))));
      return;
    }
    const before = this.channel;
    // Half a character does not go on in another channel.
    this.#emit(this.#splitter.plain(this.#bytes.end()));
    this.#splitter.mark(control);
    // The channel in which the user's words would have stood is over without them: no words were heard.
    if (before === this.#context.model.config.transcript?.channel && this.channel !== before) this.#transcribe("");
  }

  end(): void {
    this.#emit([...this.#splitter.plain(this.#bytes.end()), ...this.#splitter.end()]);
  }

  #emit(parts: readonly ChannelText[]): void {
    for (const { channel, text } of parts) {
      if (channel !== "tool_call") this.#context.emit({ type: "delta", channel, text, tokens: this.#tokens });
      this.#tokens = 0;
      const words = channel === this.#context.model.config.transcript?.channel ? this.#quoted?.push(text) : undefined;
      if (words !== undefined) this.#transcribe(words);
    }
  }

  #transcribe(text: string): void {
    if (this.#isTranscribed) return;
    this.#isTranscribed = true;
    this.#context.emit({ type: "transcript", text });
  }
}
