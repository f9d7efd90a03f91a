/** A conversation with a model on a vLLM server. The server keeps nothing but its prefix cache: the whole prompt goes with every request. */
import { AloudError } from "@aloud/client/protocol";
import {
  type AudioChunk,
  type Checkpoint,
  type Conversation,
  type ConversationSetup,
  type GenerateEvent,
  type GenerateRequest,
  type HistoryItem,
  type Prefilled,
  SAMPLE_RATE_HZ,
} from "../engine.ts";
import { createEventStream, type EventStream } from "../event-stream.ts";
import { Timeline } from "../timeline.ts";
import { type Check, compileSchema } from "../tools/schema.ts";
import type { AudioPart } from "./audio-parts.ts";
import { type Context, fitted, promptTokensOf } from "./context.ts";
import { type AskOptions, Generation, type Outcome } from "./generation.ts";
import {
  addItem,
  addSpeech,
  audioTokensOf,
  type Counted,
  closeTurn,
  EMPTY_HISTORY,
  EMPTY_TURN,
  type History,
  lastPart,
  partsOf,
  pauses,
  tokensOf,
} from "./history.ts";
import { toTools } from "./messages.ts";
import { plainText } from "./plain-text.ts";
import type { VllmProfile } from "./profiles.ts";
import { type Progress, prefillOf, startOf } from "./progress.ts";
import { answerBody, type PromptSetup, promptBody, warmUpBody } from "./prompt.ts";
import type { Route } from "./replicas/route.ts";
import { ServerRefusal } from "./server.ts";
import { usageOf } from "./usage.ts";
import { Warmer } from "./warmer.ts";

/** What one answer's prompt was, for whoever measures. */
export interface PromptReport {
  readonly promptTokens: number;
  /** Of these, what the server found in its cache. Absent without `--enable-prompt-tokens-details`, and when the answer was aborted. */
  readonly cachedTokens?: number;
}

/** What a conversation needs of its engine. */
export interface VllmHost {
  readonly route: Route;
  readonly model: string;
  readonly profile: VllmProfile;
  readonly contextTokens: number;
  readonly temperature: number;
  readonly takesTools: boolean;
  /** A thought of so many tokens is answered from while it goes on. */
  readonly thinkAheadTokens: number | undefined;
  readonly cacheSalt: string | undefined;
  countTokens(text: string): Promise<number>;
  report(report: PromptReport): void;
  closed(conversation: VllmConversation): void;
}

/** So often a server may fail in the middle of one answer, and the answer goes on elsewhere. */
const MAX_CUTS = 2;

export class VllmConversation implements Conversation {
  readonly #host: VllmHost;
  readonly #setup: ConversationSetup;
  readonly #partSamples: number;
  readonly #checks: ReadonlyMap<string, Check>;
  readonly #ended = new AbortController();
  readonly #warmer = new Warmer();
  /** Parts with which a prompt ended that was sent, or superseded by a later one. */
  readonly #sent = new WeakSet<AudioPart>();
  /** Tokens of the prompt that ended with this part. */
  readonly #warmed = new WeakMap<AudioPart, number>();
  readonly #timeline = new Timeline<History>(EMPTY_HISTORY, () => this.#mustBeOpen());
  #baseTokens = 0;
  #generating = false;

  private constructor(host: VllmHost, setup: ConversationSetup) {
    this.#host = host;
    this.#setup = setup;
    this.#partSamples = (host.profile.partMs * SAMPLE_RATE_HZ) / 1_000;
    this.#checks = new Map((setup.tools ?? []).map((tool) => [tool.name, compileSchema(tool.name, tool.parameters)]));
  }

  static async open(host: VllmHost, setup: ConversationSetup): Promise<VllmConversation> {
    const conversation = new VllmConversation(host, setup);
    const tools = host.takesTools && setup.tools !== undefined ? JSON.stringify(toTools(setup.tools)) : "";
    conversation.#baseTokens = await host.countTokens(`${setup.instructions ?? ""}${tools}`);
    const counts = await Promise.all((setup.items ?? []).map((item) => conversation.#count(item)));
    let history = EMPTY_HISTORY;
    for (const [n, item] of (setup.items ?? []).entries()) {
      history = addItem(history, item, counts[n] ?? 0, host.profile);
      if (history.open !== EMPTY_TURN) history = { ...history, open: { ...history.open, isFromHistory: true } };
    }
    conversation.#timeline.state = fitted(history, conversation.#context);
    return conversation;
  }

  append(item: AudioChunk | HistoryItem): Promise<Prefilled> {
    const samples = item.type === "audio" ? item.samples.slice() : undefined;
    const added = this.#timeline.inOrder(async () => {
      const { profile } = this.#host;
      const before = this.#timeline.state;
      const next =
        item.type === "audio"
          ? addSpeech(before, samples ?? new Float32Array(0), this.#partSamples, profile)
          : addItem(before, item, await this.#count(item), profile);
      this.#mustBeOpen();
      this.#timeline.state = fitted(next, this.#context);
      const part = lastPart(this.#timeline.state.open);
      const isNew = part !== undefined && !this.#sent.has(part);
      return {
        tokens: tokensOf(this.#timeline.state.open, profile, false),
        warm: isNew ? this.#warm(this.#timeline.state, part) : undefined,
      };
    });
    // The next call need not wait for the cache.
    return added.then(async ({ tokens, warm }) => {
      await warm;
      return { tokens };
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
    const drop = () => stream.drop((event) => event.type === "end");
    stop.addEventListener("abort", drop, { once: true });
    const done = this.#timeline
      .inOrder(() => this.#answer(request, stop, stream))
      .then(stream.end, (error: unknown) => stream.fail(this.#toAloudError(error)))
      .finally(() => {
        stop.removeEventListener("abort", drop);
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
    this.#warmer.end(error);
    this.#timeline.clear();
    this.#host.route.close();
    this.#host.closed(this);
  }

  async #answer(request: GenerateRequest, signal: AbortSignal, stream: EventStream<GenerateEvent>): Promise<void> {
    const { profile, contextTokens } = this.#host;
    const unfinished = this.#timeline.state.unfinished;
    // Going on with an answer takes the conversation back to where it was asked for.
    let history = unfinished?.before ?? this.#timeline.state;
    if (unfinished?.isExhausted && !signal.aborted) {
      stream.push({ type: "end", reason: "length", usage: this.#usage(history, undefined) });
      return;
    }
    this.#warmer.skip();
    const start: Progress = unfinished?.progress ?? startOf(profile, request.mode);
    const push = (event: GenerateEvent) => {
      if (!signal.aborted) stream.push(event);
    };
    // Where a call is demanded, nothing is to be said.
    const thinkAheadTokens = request.toolChoice === "required" ? undefined : this.#host.thinkAheadTokens;
    const checks = request.toolChoice === "none" ? new Map() : this.#checks;
    const generation = new Generation(profile, start, { ...request, thinkAheadTokens }, checks, push);
    const ended = AbortSignal.any([signal, this.#ended.signal]);
    const ask = (progress: Progress, options: AskOptions, stop: AbortSignal) => this.#ask(history, request, progress, options, stop);
    let outcome: Outcome;
    for (let failures = 0; ; ) {
      try {
        outcome = await generation.run(ask, ended);
        break;
      } catch (error) {
        if (!(error instanceof ServerRefusal)) throw error;
        // What has come is put before what another server says, so that it is one text.
        if (error.kind === "cut" && ++failures <= MAX_CUTS) continue;
        if (error.kind !== "context") throw error;
        if (history.past.length === 0) {
          throw new AloudError("context_length_exceeded", `the turn alone exceeds the context of ${contextTokens} tokens`, {
            cause: error,
          });
        }
        // Our count was too low: the server has the last word.
        history = { ...history, past: history.past.slice(1), cachedTokens: 0 };
      }
    }
    this.#mustBeOpen();
    const usage = this.#usage(history, outcome);
    if (outcome.usage !== undefined) {
      const { promptTokens, cachedTokens } = outcome.usage;
      this.#host.report({ promptTokens, ...(cachedTokens !== undefined && { cachedTokens }) });
    }
    const { answer } = outcome.progress;
    const said: Counted[] = [
      ...(answer.trim() === "" ? [] : [{ said: { type: "text", role: "assistant", text: answer } as const, tokens: outcome.answerTokens }]),
      ...outcome.calls.map((call) => ({ said: call, tokens: outcome.answerTokens })),
    ];
    const cut = outcome.reason === "length" ? { before: history, progress: outcome.progress, isExhausted: outcome.isExhausted } : undefined;
    const cachedTokens = Math.max(history.cachedTokens, outcome.usage?.promptTokens ?? 0);
    this.#timeline.state = fitted({ ...closeTurn(history, profile, said), unfinished: cut, cachedTokens }, this.#context);
    // A call's result belongs to the turn, and so does what goes on after `length` or speech that goes on after an abort.
    if (outcome.reason === "stop" && outcome.calls.length === 0) this.#host.route.settle();
    stream.push({ type: "end", reason: outcome.reason, usage });
  }

  #usage(history: History, outcome: Outcome | undefined) {
    const warmed = partsOf(history.open)
      .map((part) => this.#warmed.get(part))
      .find((tokens) => tokens !== undefined);
    const estimate = {
      promptTokens: promptTokensOf(history, this.#context),
      audioTokens: audioTokensOf(history.open, this.#host.profile, true),
      sentTokens: warmed ?? history.cachedTokens,
    };
    return usageOf(estimate, outcome);
  }

  #ask(history: History, request: GenerateRequest, progress: Progress, options: AskOptions, signal: AbortSignal) {
    const { profile, temperature, contextTokens, route } = this.#host;
    const room = contextTokens - promptTokensOf(history, this.#context) - Math.ceil((progress.thought.length + progress.answer.length) / 3);
    const maxTokens = Math.max(1, Math.min(options.maxTokens, room));
    const prompt = promptBody(this.#prompt, history, true, prefillOf(profile, progress));
    const body = answerBody(prompt, request, { ...options, maxTokens }, { ...profile, temperature });
    return options.isAhead ? route.ahead(body, signal) : route.answer(body, signal);
  }

  /** Sends the prompt as it is up to `part`; in a pause as the answer would be asked for now, so that all of it is there if it is. */
  #warm(history: History, part: AudioPart): Promise<void> {
    const { route, profile } = this.#host;
    const prefill = pauses(history.open) ? prefillOf(profile, startOf(profile, "think")) : undefined;
    this.#sent.add(part);
    return this.#warmer
      .warm(async () => {
        const prompt = promptBody(this.#prompt, history, pauses(history.open), prefill);
        for await (const { usage } of route.warm(warmUpBody(prompt))) {
          if (usage !== undefined) this.#warmed.set(part, usage.promptTokens);
        }
      })
      .catch((error: unknown) => {
        throw this.#toAloudError(error);
      });
  }

  get #prompt(): PromptSetup {
    const { model, cacheSalt, takesTools } = this.#host;
    return { model, cacheSalt, instructions: this.#setup.instructions, tools: takesTools ? (this.#setup.tools ?? []) : [] };
  }

  get #context(): Context {
    const { contextTokens, profile } = this.#host;
    return { contextTokens, profile, baseTokens: this.#baseTokens };
  }

  #count(item: HistoryItem): Promise<number> {
    return this.#host.countTokens(item.type === "text" ? plainText(item.text) : `${item.name}${item.arguments}`);
  }

  #toAloudError(error: unknown): unknown {
    return error instanceof ServerRefusal ? error.toAloudError(this.#host.route.serverName) : error;
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
  }
}
