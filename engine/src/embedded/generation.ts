/**
 * Generates one answer: thinking within its budget, then the answer within its own, token by token. Everything that ends it leaves the
 * conversation in a state from which the next turn, or the rest of the answer, can go on.
 */
import type { Channel, EndReason, GenerateEvent, GenerateRequest } from "../engine.ts";
import { ByteLevelStream } from "../text/byte-level.ts";
import { ChannelSplitter, type ChannelText } from "../text/channel-splitter.ts";
import { QuotedText } from "../text/quoted.ts";
import { endsInLoop } from "../text/repetition.ts";
import { type ConversationState, makeRoom, type OpenTurn } from "./conversation-state.ts";
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
const isThought = (channel: Channel) => channel === "semantic" || channel === "acoustic";
const GREEDY = { temperature: 0, topP: 1 } as const;

export async function generate(context: GenerationContext): Promise<ConversationState> {
  const { model, turn, request, signal, emit } = context;
  const { prompt } = model.config;
  const id = model.tokenizer.controlId;
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
  /** The state after generation, with what is still to be written into the cache. */
  const finish = (reason: EndReason, rest: Pick<ConversationState, "owed" | "continuation">): ConversationState => {
    speaker.end();
    const audioTokens = turn?.audioTokens ?? 0;
    emit({
      type: "end",
      reason,
      usage: { promptTokens, audioTokens, prefilledTokens: context.prefilledTokens, thinkTokens, answerTokens },
    });
    return { ...state, ...rest };
  };
  const ids = (controls: readonly string[]) => controls.map(id);
  const turnClose = id(prompt.turnClose);

  let next =
    turn === undefined && state.continuation !== undefined
      ? state.continuation
      : await advance(ids([...prompt.assistantOpen, ...(request.mode === "think" ? prompt.think : prompt.direct)]));
  for (;;) {
    if (next === undefined) return finish("length", { owed: [turnClose], continuation: undefined });
    const thinking = isThought(speaker.channel);
    if (signal.aborted) {
      return finish("aborted", { owed: [...(thinking ? ids([prompt.thinkClose]) : []), turnClose], continuation: undefined });
    }
    if (model.config.endTokens.has(next)) return finish("stop", { owed: [next], continuation: undefined });
    if (!thinking && answerTokens >= request.maxAnswerTokens) return finish("length", { owed: [], continuation: next });
    if (endsInLoop(spoken)) {
      // More of the same helps nobody: a thought is closed and answered from, an answer is over.
      if (!thinking) return finish("stop", { owed: [turnClose], continuation: undefined });
      next = id(prompt.thinkClose);
    } else if (thinking && thinkTokens >= request.maxThinkTokens) next = id(prompt.thinkClose);
    if (thinking) thinkTokens += 1;
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
  readonly #bytes = new ByteLevelStream();
  readonly #quoted: QuotedText | undefined;
  #isTranscribed: boolean;
  /** Tokens since the last delta. */
  #tokens = 0;

  constructor(context: GenerationContext) {
    const { model, request, turn } = context;
    const { prompt, transcript } = model.config;
    this.#context = context;
    this.#splitter = new ChannelSplitter({
      start: request.mode === "think" && turn !== undefined ? "semantic" : "answer",
      begun: turn === undefined,
      markers: { [prompt.acousticOpen]: "acoustic", [prompt.thinkClose]: "answer", "<tool_call>": "tool_call", "</tool_call>": "return" },
    });
    const isQuoted = transcript !== undefined && request.mode === "think";
    this.#quoted = isQuoted ? new QuotedText(transcript.open, transcript.close) : undefined;
    this.#isTranscribed = turn?.ear === undefined;
    if (!isQuoted && turn?.transcript !== undefined) {
      const { stable, tail } = turn.transcript;
      this.#transcribe(`${stable} ${tail}`.trim());
    }
  }

  get channel(): Channel {
    return this.#splitter.channel;
  }

  say(token: number, control: string | undefined): void {
    this.#tokens += 1;
    if (control === undefined) {
      this.#emit(this.#splitter.plain(this.#bytes.push(this.#context.model.tokenizer.spelling(token))));
      return;
    }
    const before = this.channel;
    this.#splitter.mark(control);
    // The channel in which the user's words would have stood is over without them: no words were heard.
    if (before === this.#context.model.config.transcript?.channel && this.channel !== before) this.#transcribe("");
  }

  end(): void {
    this.#emit([...this.#splitter.plain(this.#bytes.end()), ...this.#splitter.end()]);
  }

  #emit(parts: readonly ChannelText[]): void {
    for (const { channel, text } of parts) {
      this.#context.emit({ type: "delta", channel, text, tokens: this.#tokens });
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
