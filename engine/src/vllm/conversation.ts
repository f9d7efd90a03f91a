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
import { type AskOptions, Generation, type Outcome, type Progress, prefillOf } from "./generation.ts";
import {
  addItem,
  addSpeech,
  audioTokensOf,
  type Counted,
  closeTurn,
  EMPTY_HISTORY,
  EMPTY_TURN,
  forgetOldest,
  type History,
  lastPart,
  partsOf,
  pauses,
  saidIn,
  tokensOf,
} from "./history.ts";
import { type ChatMessage, toMessages, toTools } from "./messages.ts";
import { plainText } from "./plain-text.ts";
import type { VllmProfile } from "./profiles.ts";
import type { Route } from "./replicas/route.ts";
import { ServerRefusal } from "./server.ts";
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
  readonly cacheSalt: string | undefined;
  countTokens(text: string): Promise<number>;
  report(report: PromptReport): void;
  closed(conversation: VllmConversation): void;
}

/** The cache gives whole blocks (up to 128 tokens), and a warm-up ends in marks that the next prompt has elsewhere. */
const CACHE_SLACK_TOKENS = 160;

/** So often a server may fail in the middle of one answer, and the answer goes on elsewhere. */
const MAX_CUTS = 2;

/** Room that is kept for an answer, at most. */
const MAX_RESERVED_TOKENS = 1_024;

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
    conversation.#timeline.state = conversation.#fit(history);
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
      this.#timeline.state = this.#fit(next);
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
    const generation = new Generation(profile, start, request, request.toolChoice === "none" ? new Map() : this.#checks, push);
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
    this.#timeline.state = this.#fit({
      ...closeTurn(history, profile, said),
      unfinished: cut,
      cachedTokens: Math.max(history.cachedTokens, outcome.usage?.promptTokens ?? 0),
    });
    // A call's result belongs to the turn, and so does what goes on after `length` or speech that goes on after an abort.
    if (outcome.reason === "stop" && outcome.calls.length === 0) this.#host.route.settle();
    stream.push({ type: "end", reason: outcome.reason, usage });
  }

  #usage(history: History, outcome: Outcome | undefined) {
    const { profile } = this.#host;
    const promptTokens = outcome?.usage?.promptTokens ?? this.#estimate(history);
    const warmed = partsOf(history.open)
      .map((part) => this.#warmed.get(part))
      .find((tokens) => tokens !== undefined);
    const expected = Math.min(warmed ?? history.cachedTokens, promptTokens);
    // What the server found is the truth, but for what it rounds down to whole blocks.
    const found = outcome?.usage?.cachedTokens;
    return {
      promptTokens,
      audioTokens: Math.min(audioTokensOf(history.open, profile, true), promptTokens),
      prefilledTokens: found === undefined || found + CACHE_SLACK_TOKENS >= expected ? expected : found,
      thinkTokens: outcome?.thinkTokens ?? 0,
      answerTokens: outcome?.answerTokens ?? 0,
    };
  }

  #ask(history: History, request: GenerateRequest, progress: Progress, { maxTokens, isRetry }: AskOptions, signal: AbortSignal) {
    const { profile, contextTokens } = this.#host;
    const prefill = prefillOf(profile, progress);
    const room = contextTokens - this.#estimate(history) - Math.ceil((progress.thought.length + progress.answer.length) / 3);
    const { temperature, topP, seed } = { topP: 1, seed: undefined, temperature: this.#host.temperature, ...request.sampling };
    const sampled = isRetry ? Math.max(temperature, 0.7) : temperature;
    const toolChoice = request.toolChoice ?? "auto";
    return this.#host.route.answer(
      {
        ...this.#body(history, true, prefill),
        max_tokens: Math.max(1, Math.min(maxTokens, room)),
        temperature: sampled,
        top_p: topP,
        ...(seed !== undefined && { seed }),
        ...(profile.stopTokenIds.length > 0 && { stop_token_ids: profile.stopTokenIds }),
        skip_special_tokens: false,
        ...(this.#declared.length > 0 && { tool_choice: toolChoice }),
      },
      signal,
    );
  }

  /** Sends the prompt as it is up to `part`; in a pause as the answer would be asked for now, so that all of it is there if it is. */
  #warm(history: History, part: AudioPart): Promise<void> {
    const { route, profile } = this.#host;
    const prefill = pauses(history.open) ? prefillOf(profile, startOf(profile, "think")) : undefined;
    this.#sent.add(part);
    return this.#warmer
      .warm(async () => {
        const body = { ...this.#body(history, pauses(history.open), prefill), max_tokens: 1, temperature: 0, priority: 10 };
        for await (const { usage } of route.warm(body)) {
          if (usage !== undefined) this.#warmed.set(part, usage.promptTokens);
        }
      })
      .catch((error: unknown) => {
        throw this.#toAloudError(error);
      });
  }

  #body(history: History, isWhole: boolean, prefill: string | undefined): Readonly<Record<string, unknown>> {
    const { model, cacheSalt } = this.#host;
    const { instructions } = this.#setup;
    const messages: ChatMessage[] = [
      ...(instructions === undefined || instructions === "" ? [] : [{ role: "system", content: plainText(instructions) } as const]),
      ...toMessages([...history.past.flatMap((turn) => turn.said), ...saidIn(history.open, isWhole)]),
    ];
    const isAsked = isWhole && prefill === undefined;
    return {
      model,
      messages: prefill === undefined ? messages : [...messages, { role: "assistant", content: prefill }],
      add_generation_prompt: isAsked,
      ...(prefill !== undefined && { continue_final_message: true }),
      ...(this.#declared.length > 0 && { tools: toTools(this.#declared) }),
      ...(cacheSalt !== undefined && { cache_salt: cacheSalt }),
    };
  }

  get #declared() {
    return this.#host.takesTools ? (this.#setup.tools ?? []) : [];
  }

  #estimate(history: History): number {
    const past = history.past.reduce((sum, turn) => sum + turn.tokens, 0);
    return this.#baseTokens + past + tokensOf(history.open, this.#host.profile, true);
  }

  #count(item: HistoryItem): Promise<number> {
    return this.#host.countTokens(item.type === "text" ? plainText(item.text) : `${item.name}${item.arguments}`);
  }

  /** @throws AloudError `context_length_exceeded` */
  #fit(history: History): History {
    const { profile, contextTokens } = this.#host;
    const room = contextTokens - this.#baseTokens - Math.min(MAX_RESERVED_TOKENS, Math.floor(contextTokens / 8));
    const tokens = tokensOf(history.open, profile, true);
    if (tokens > room)
      throw new AloudError("context_length_exceeded", `a turn of ${tokens} tokens exceeds the ${room} that there is room for`);
    return forgetOldest(history, room, profile);
  }

  #toAloudError(error: unknown): unknown {
    return error instanceof ServerRefusal ? error.toAloudError(this.#host.route.url) : error;
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason;
  }
}

/** Nothing of the answer is there yet. */
function startOf({ thinking }: VllmProfile, mode: GenerateRequest["mode"]): Progress {
  return { thought: "", isThinking: thinking !== undefined && mode === "think", answer: "" };
}
