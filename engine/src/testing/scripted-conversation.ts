/** A conversation of the scripted engine. It keeps the port's promises without a model, so that tests drive it by hand. */
import { AloudError } from "@aloud/client/protocol";
import {
  type AudioChunk,
  type Channel,
  type Checkpoint,
  type Conversation,
  type ConversationSetup,
  type EndReason,
  type GenerateEvent,
  type GenerateRequest,
  type HistoryItem,
  type Prefilled,
  SAMPLE_RATE_HZ,
  type ToolCall,
} from "../engine.ts";
import { createEventStream, type EventStream } from "../event-stream.ts";
import { Timeline } from "../timeline.ts";

/** What the open turn holds when the engine is asked to answer it. */
export interface ScriptedTurn {
  /** Counts answered turns of the conversation, from 0. */
  readonly index: number;
  /** Typed text of the turn, items joined by a space. */
  readonly text: string;
  /** Results of tool calls, when the turn is made of them. */
  readonly toolResults: readonly string[];
  /** Names of the tools that the conversation declares. */
  readonly tools: readonly string[];
  readonly audioSamples: number;
  /** A number that depends on every sample: equal audio, equal fingerprint, however it was cut into chunks. */
  readonly audioFingerprint: number;
  readonly mode: GenerateRequest["mode"];
}

/**
 * One step of an answer. A text counts as one token, and so does a tool call, which is yielded as it stands: no schema is asked.
 * - `end` ends the answer with that reason; without it the reason is `stop`.
 * - `stall` yields nothing more until the call is aborted or the engine crashes.
 * - `fail` fails this call only; `crash` takes the whole engine down.
 */
export type ScriptedStep =
  | { readonly channel: Channel; readonly text: string; readonly isAhead?: true; readonly isHeuristic?: true }
  | ToolCall
  | { readonly transcript: string; readonly confidence?: number }
  | { readonly end: EndReason }
  | { readonly fail: AloudError }
  | "stall"
  | "crash";

/** What a conversation needs of its engine. */
export interface ScriptedHost {
  readonly chunkSamples: number;
  readonly tokensPerChunk: number;
  readonly contextTokens: number;
  answer(turn: ScriptedTurn): readonly ScriptedStep[];
  prefilled(turn: ScriptedTurn, tokens: number): Prefilled;
  /** Resolves when the test lets the next step go, or when `signal` fires. */
  nextStep(signal: AbortSignal): Promise<void>;
  crash(): void;
  closed(conversation: ScriptedConversation): void;
}

interface OpenTurn {
  /** Said before the conversation opened: `generate` answers it, but what is appended begins a turn of its own. */
  readonly isFromHistory: boolean;
  readonly texts: readonly string[];
  readonly toolResults: readonly string[];
  readonly samples: number;
  readonly fingerprint: number;
  readonly tokens: number;
}

/** Everything that a rollback restores. */
interface State {
  readonly turns: readonly number[];
  readonly open: OpenTurn;
  readonly index: number;
  /** Steps of an answer that was cut by its length; the next `generate` without an `append` continues with them. */
  readonly rest: readonly ScriptedStep[] | undefined;
}

const NOTHING: OpenTurn = { isFromHistory: false, texts: [], toolResults: [], samples: 0, fingerprint: 0, tokens: 0 };

export class ScriptedConversation implements Conversation {
  readonly #host: ScriptedHost;
  readonly #tools: readonly string[];
  readonly #ended = new AbortController();
  readonly #timeline = new Timeline<State>({ turns: [], open: NOTHING, index: 0, rest: undefined }, () => this.#mustBeOpen());
  #generating = false;

  constructor(host: ScriptedHost, setup: ConversationSetup) {
    this.#host = host;
    this.#tools = (setup.tools ?? []).map((tool) => tool.name);
    this.#timeline.state = { ...this.#timeline.state, turns: [countWords(setup.instructions ?? "") + this.#tools.length] };
    for (const item of setup.items ?? []) {
      this.#add(item);
      if (this.#timeline.state.open !== NOTHING)
        this.#timeline.state = { ...this.#timeline.state, open: { ...this.#timeline.state.open, isFromHistory: true } };
    }
  }

  /** Leaves the open turn as history unless what comes joins it: a user's words a turn that was not said before, a result other results. */
  #makeWay(kind: "user" | "tool"): void {
    const { open, turns } = this.#timeline.state;
    const isResults = open.toolResults.length > 0;
    const joins = open === NOTHING || (kind === "tool" ? isResults : !isResults && !open.isFromHistory);
    if (!joins) this.#timeline.state = { ...this.#timeline.state, turns: [...turns, this.#tokensOf(open, Math.ceil)], open: NOTHING };
  }

  /** A user's text and a tool's result are answered; anything else closes the open turn and is history. */
  #add(item: HistoryItem): void {
    if (item.type === "text" && (item.role === "user" || item.role === "tool")) {
      this.#makeWay(item.role);
      const { open } = this.#timeline.state;
      const grown =
        item.role === "user" ? { ...open, texts: [...open.texts, item.text] } : { ...open, toolResults: [...open.toolResults, item.text] };
      this.#take({ ...grown, tokens: this.#tokensOf(grown, Math.floor) });
    } else {
      const { open, turns } = this.#timeline.state;
      const closed = this.#tokensOf(open, Math.ceil) + (item.type === "text" ? countWords(item.text) : 1);
      this.#timeline.state = { ...this.#timeline.state, turns: [...turns, closed], open: NOTHING, rest: undefined };
      this.#makeRoom();
    }
  }

  /** @throws AloudError `context_length_exceeded`, and then nothing has changed */
  #take(open: OpenTurn): void {
    const { contextTokens } = this.#host;
    if (open.tokens > contextTokens) {
      throw new AloudError("context_length_exceeded", `a turn of ${open.tokens} tokens exceeds the context of ${contextTokens}`);
    }
    this.#timeline.state = { ...this.#timeline.state, open, rest: undefined };
    this.#makeRoom();
  }

  append(item: AudioChunk | HistoryItem): Promise<Prefilled> {
    // The caller keeps the array, so what depends on its samples is computed before the call returns.
    const added = item.type === "audio" ? fingerprintOf(item.samples) : undefined;
    return this.#timeline.inOrder(() => {
      if (item.type !== "audio") this.#add(item);
      else {
        this.#makeWay("user");
        const { open } = this.#timeline.state;
        const fingerprint = combine(open.fingerprint, added ?? 0, item.samples.length);
        const grown = { ...open, samples: open.samples + item.samples.length, fingerprint };
        this.#take({ ...grown, tokens: this.#tokensOf(grown, Math.floor) });
      }
      return this.#host.prefilled(this.#turn("think"), this.#timeline.state.open.tokens);
    });
  }

  checkpoint(): Checkpoint {
    return this.#timeline.checkpoint();
  }

  rollback(to: Checkpoint): void {
    this.#timeline.rollback(to);
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent> {
    const broken = new AbortController();
    const stream: EventStream<GenerateEvent> = createEventStream(async () => {
      broken.abort();
      await done;
    });
    if (this.#generating) {
      stream.fail(new AloudError("conversation_already_has_active_response", "the conversation is answering already"));
      return stream;
    }
    this.#generating = true;
    const stop = AbortSignal.any([signal, broken.signal]);
    const done = this.#timeline
      .inOrder(() => this.#answer(request, stop, stream))
      .then(stream.end, stream.fail)
      .finally(() => {
        this.#generating = false;
      });
    return stream;
  }

  close(): Promise<void> {
    this.fail(new AloudError("engine_unavailable", "the conversation is closed"));
    return Promise.resolve();
  }

  /** Ends every running and later call with `error`. */
  fail(error: AloudError): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(error);
    this.#timeline.clear();
    this.#host.closed(this);
  }

  async #answer(request: GenerateRequest, signal: AbortSignal, stream: EventStream<GenerateEvent>): Promise<void> {
    const before = this.#timeline.state;
    const open = { ...before.open, tokens: this.#tokensOf(before.open, Math.ceil) };
    this.#timeline.state = { ...before, open };
    const promptTokens = before.turns.reduce((sum, tokens) => sum + tokens, 0) + open.tokens;
    const steps = before.rest ?? this.#host.answer(this.#turn(request.mode));
    let thinkTokens = 0;
    let answerTokens = 0;
    let reason: EndReason = "stop";
    let next = 0;
    for (; next < steps.length; next++) {
      const step = steps[next];
      if (step === undefined) break;
      const isThought = isText(step) && step.channel !== "answer";
      if (isThought && (request.mode === "direct" || thinkTokens >= request.maxThinkTokens)) continue;
      if (isCall(step) && request.toolChoice === "none") continue;
      if ((isCall(step) || isText(step)) && !isThought && answerTokens >= request.maxAnswerTokens) {
        reason = "length";
        break;
      }
      if (step === "stall") await untilAborted(AbortSignal.any([signal, this.#ended.signal]));
      else await this.#host.nextStep(AbortSignal.any([signal, this.#ended.signal]));
      this.#mustBeOpen();
      if (signal.aborted) {
        reason = "aborted";
        break;
      }
      if (step === "crash") {
        this.#host.crash();
        this.#mustBeOpen();
      } else if (typeof step === "object" && "fail" in step) {
        throw step.fail;
      } else if (typeof step === "object" && "transcript" in step) {
        const { transcript, ...rest } = step;
        stream.push({ type: "transcript", text: transcript, ...rest });
      } else if (typeof step === "object" && "end" in step) {
        reason = step.end;
        break;
      } else if (isCall(step)) {
        answerTokens++;
        stream.push(step);
      } else if (isText(step)) {
        if (isThought) thinkTokens++;
        else answerTokens++;
        stream.push({ type: "delta", ...step, tokens: 1 });
      }
    }
    if (signal.aborted) reason = "aborted";
    const usage = {
      promptTokens,
      audioTokens: this.#audioTokens(open, Math.ceil),
      prefilledTokens: promptTokens - open.tokens + before.open.tokens,
      thinkTokens,
      answerTokens,
    };
    this.#timeline.state = {
      turns: [...before.turns, open.tokens + thinkTokens + answerTokens],
      open: NOTHING,
      index: before.index + 1,
      rest: reason === "length" ? steps.slice(next).filter((step) => !(typeof step === "object" && "end" in step)) : undefined,
    };
    this.#makeRoom();
    stream.push({ type: "end", reason, usage });
  }

  #turn(mode: GenerateRequest["mode"]): ScriptedTurn {
    const { open, index } = this.#timeline.state;
    return {
      index,
      text: open.texts.join(" "),
      toolResults: open.toolResults,
      tools: this.#tools,
      audioSamples: open.samples,
      audioFingerprint: open.fingerprint,
      mode,
    };
  }

  #audioTokens(open: OpenTurn, round: (chunks: number) => number): number {
    return round(open.samples / this.#host.chunkSamples) * this.#host.tokensPerChunk;
  }

  #tokensOf(open: OpenTurn, round: (chunks: number) => number): number {
    return this.#audioTokens(open, round) + [...open.texts, ...open.toolResults].reduce((sum, text) => sum + countWords(text), 0);
  }

  /** Forgets the oldest answered turns until everything fits. */
  #makeRoom(): void {
    const turns = [...this.#timeline.state.turns];
    const total = (): number => turns.reduce((sum, tokens) => sum + tokens, this.#timeline.state.open.tokens);
    while (turns.length > 0 && total() > this.#host.contextTokens) turns.shift();
    this.#timeline.state = { ...this.#timeline.state, turns };
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
  }
}

function isText(step: ScriptedStep): step is Extract<ScriptedStep, { readonly channel: Channel }> {
  return typeof step === "object" && "channel" in step;
}

function isCall(step: ScriptedStep): step is ToolCall {
  return typeof step === "object" && "type" in step;
}

function countWords(text: string): number {
  return text.split(/\s+/u).filter(Boolean).length;
}

const FINGERPRINT_FACTOR = 31;

/** A polynomial hash over whole-number samples: concatenation of chunks and one chunk give the same number. */
function fingerprintOf(samples: Float32Array): number {
  let value = 0;
  for (const sample of samples) value = (Math.imul(value, FINGERPRINT_FACTOR) + Math.round(sample * SAMPLE_RATE_HZ)) | 0;
  return value;
}

function combine(before: number, added: number, addedSamples: number): number {
  let factor = 1;
  for (let n = 0; n < addedSamples; n++) factor = Math.imul(factor, FINGERPRINT_FACTOR);
  return (Math.imul(before, factor) + added) | 0;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
