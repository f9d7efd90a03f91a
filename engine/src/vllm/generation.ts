/**
 * One answer: as many requests as it takes. Thinking that reaches its budget, or goes round in circles, is closed and the answer asked for with the
 * closed thought before it; the prefix cache makes the second request cheap. With `thinkAheadTokens` a request beside the thinking one says the first words
 * already (ahead.ts); when the thought is over, the answer goes on from all of it behind them.
 */
import type { EndReason, GenerateEvent, GenerateRequest, ToolCall } from "../engine.ts";
import type { Check } from "../tools/schema.ts";
import { answerAhead, wholeSentencesOf } from "./ahead.ts";
import { LoopWatch } from "./loop-watch.ts";
import { OutputSorter } from "./output.ts";
import type { VllmProfile } from "./profiles.ts";
import type { Progress } from "./progress.ts";
import type { CallPiece, ServerUsage, StreamPiece } from "./reading.ts";
import { ThoughtSentences } from "./segmenter.ts";
import { TemplateGuard } from "./template-guard.ts";
import { hasText, TokenCount } from "./token-count.ts";

export interface AskOptions {
  readonly maxTokens: number;
  /** A second attempt after a useless first: greedily it would come out the same. */
  readonly isRetry: boolean;
  /** Beside the request that thinks, and not worth more than a place that is free. */
  readonly isAhead: boolean;
}

/** Sends the conversation with `progress` behind it. */
export type Ask = (progress: Progress, options: AskOptions, signal: AbortSignal) => AsyncIterable<Extract<StreamPiece, { type: "piece" }>>;

export interface Outcome {
  readonly reason: EndReason;
  readonly progress: Progress;
  readonly calls: readonly ToolCall[];
  readonly thinkTokens: number;
  readonly answerTokens: number;
  /** Of the first request: what the prompt was, and how much of it was in the cache. */
  readonly usage: ServerUsage | undefined;
  /** Whether going on would give nothing: the answer repeats itself, or the context is full. */
  readonly isExhausted: boolean;
}

export interface Budgets extends Pick<GenerateRequest, "maxThinkTokens" | "maxAnswerTokens"> {
  /** A thought of so many tokens is answered from while it goes on. Undefined: the answer waits for the whole thought. */
  readonly thinkAheadTokens: number | undefined;
}

type PassEnd = { readonly type: "closed" | "again" } | { readonly type: "end"; readonly reason: EndReason; readonly isExhausted?: boolean };

export class Generation {
  readonly #profile: VllmProfile;
  readonly #budgets: Budgets;
  readonly #checks: ReadonlyMap<string, Check>;
  readonly #push: (event: GenerateEvent) => void;
  readonly #sentences: ThoughtSentences;
  #thought: string;
  #isThinking: boolean;
  #answer: string;
  #thinkTokens = 0;
  #answerTokens = 0;
  #calls: ToolCall[] = [];
  #usage: ServerUsage | undefined;
  #retries = 0;
  #ahead: { readonly stop: AbortController; readonly done: ReturnType<typeof answerAhead> } | undefined;

  constructor(
    profile: VllmProfile,
    start: Progress,
    budgets: Budgets,
    /** Of the tools that may be called, by name. */
    checks: ReadonlyMap<string, Check>,
    push: (event: GenerateEvent) => void,
  ) {
    this.#profile = profile;
    this.#budgets = budgets;
    this.#checks = checks;
    this.#push = push;
    this.#sentences = new ThoughtSentences(profile.segment);
    this.#thought = start.thought;
    this.#isThinking = start.isThinking && budgets.maxThinkTokens > 0;
    this.#answer = start.answer;
  }

  /** @throws ServerRefusal; called again, it goes on from what has come */
  async run(ask: Ask, signal: AbortSignal): Promise<Outcome> {
    try {
      for (;;) {
        let end: PassEnd = signal.aborted ? { type: "end", reason: "aborted" } : await this.#pass(ask, signal);
        if (end.type === "closed") {
          this.#closeThought();
          // Where nothing was said yet, the whole thought says all.
          if (this.#answer === "") this.#ahead?.stop.abort();
          if ((await this.#ahead?.done) === "loop") end = { type: "end", reason: "length", isExhausted: true };
        }
        if (end.type !== "end") continue;
        return {
          reason: signal.aborted ? "aborted" : end.reason,
          progress: this.#progress,
          calls: this.#calls,
          thinkTokens: this.#thinkTokens,
          answerTokens: this.#answerTokens,
          usage: this.#usage,
          isExhausted: end.isExhausted ?? false,
        };
      }
    } finally {
      this.#ahead?.stop.abort();
      await this.#ahead?.done.catch(() => undefined);
      this.#ahead = undefined;
    }
  }

  get #progress(): Progress {
    return { thought: this.#thought, isThinking: this.#isThinking, answer: this.#answer };
  }

  /** One request, read to where it stops being of use. */
  async #pass(ask: Ask, signal: AbortSignal): Promise<PassEnd> {
    const { maxThinkTokens, maxAnswerTokens } = this.#budgets;
    const answerLeft = maxAnswerTokens - this.#answerTokens;
    const thinkLeft = this.#isThinking ? maxThinkTokens - this.#thinkTokens : 0;
    if (answerLeft <= 0 && !(this.#isThinking && this.#answer !== "")) return { type: "end", reason: "length" };
    const begun = (this.#isThinking ? this.#thought : this.#answer) !== "";
    const sorter = new OutputSorter(this.#profile, this.#isThinking ? "think" : "answer", begun);
    const guard = new TemplateGuard(this.#answer !== "");
    const watch = new LoopWatch();
    const calls: CallPiece[] = [];
    const count = new TokenCount();
    let finish: string | undefined;
    let leak = "none" as "none" | "turn" | "request";
    const firstUsage = this.#usage === undefined;
    const options = { maxTokens: thinkLeft + answerLeft, isRetry: this.#retries > 0, isAhead: false };
    const write = (text: string, tokens: number) => {
      const guarded = guard.push(text);
      leak = guarded.leak;
      this.#write(guarded.text, tokens);
    };
    for await (const piece of ask(this.#progress, options, signal)) {
      if (signal.aborted) return { type: "end", reason: "aborted" };
      if (piece.usage !== undefined && firstUsage) this.#usage = piece.usage;
      const isText = hasText(piece);
      const tokens = count.add(piece);
      const wasThinking = this.#isThinking;
      // A server that is behind puts several tokens into one event. What exceeds a budget is not taken; going on generates it again.
      if (isText && wasThinking && this.#thinkTokens + tokens > maxThinkTokens) return { type: "closed" };
      if (isText && !wasThinking && this.#answerTokens + tokens > maxAnswerTokens) return { type: "end", reason: "length" };
      const { thought, answer } = sorter.push(piece);
      if (wasThinking) {
        this.#thinkTokens += tokens;
        this.#think(thought, tokens);
        if (sorter.phase === "answer" || piece.calls.length > 0) {
          // What this request says now does not know of the words that were said ahead.
          if (this.#answer !== "") return { type: "closed" };
          this.#ahead?.stop.abort();
        }
        if (sorter.phase === "answer") {
          this.#closeThought();
          watch.reset();
        }
      } else this.#answerTokens += tokens;
      if (answer !== "") write(answer, wasThinking ? 0 : tokens);
      calls.push(...piece.calls);
      finish = piece.finish ?? finish;
      if (isText) watch.add(piece.reasoning + piece.content);
      if (leak !== "none") break;
      if (finish !== undefined) continue;
      if (calls.length === 0 && watch.loops) {
        return this.#isThinking ? { type: "closed" } : { type: "end", reason: "length", isExhausted: true };
      }
      if (this.#isThinking && this.#thinkTokens >= maxThinkTokens) return { type: "closed" };
      if (this.#isThinking && calls.length === 0) this.#answerAhead(ask, signal);
      if (!this.#isThinking && this.#answerTokens >= maxAnswerTokens) {
        finish = "length";
        break;
      }
    }
    if (signal.aborted) return { type: "end", reason: "aborted" };
    const rest = sorter.end();
    if (rest.thought !== "") this.#think(rest.thought, 0);
    if (leak === "request") {
      // Nothing of it was shown. Once more, sampled; a model that does it again has no answer.
      this.#retries += 1;
      return this.#retries > 1 ? { type: "end", reason: "length", isExhausted: true } : { type: "again" };
    }
    if (leak === "none") this.#write(rest.answer + guard.end(), 0);
    if (calls.length > 0) return this.#call(calls);
    if (this.#isThinking) return finish === "length" && this.#thinkTokens < maxThinkTokens ? this.#contextFull() : { type: "closed" };
    if (leak === "turn" || finish !== "length") return { type: "end", reason: "stop" };
    return { type: "end", reason: "length", isExhausted: this.#answerTokens < maxAnswerTokens };
  }

  /** Begins the answer if enough was thought; once in a run. */
  #answerAhead(ask: Ask, signal: AbortSignal): void {
    const { thinkAheadTokens = Number.POSITIVE_INFINITY, maxAnswerTokens } = this.#budgets;
    const maxTokens = maxAnswerTokens - this.#answerTokens;
    if (this.#ahead !== undefined || this.#thinkTokens < thinkAheadTokens || maxTokens <= 0) return;
    const thought = wholeSentencesOf(this.#thought);
    if (thought.trim() === "") return;
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const done = answerAhead(this.#profile, {
      pieces: ask({ thought, isThinking: false, answer: this.#answer }, { maxTokens, isRetry: false, isAhead: true }, either),
      answer: () => this.#answer,
      isThoughtOver: () => !this.#isThinking,
      take: (text, tokens) => {
        this.#answerTokens += tokens;
        this.#write(text, tokens);
      },
      signal: either,
    });
    // It is asked how it ended when the thought is over.
    done.catch(() => undefined);
    this.#ahead = { stop, done };
  }

  #contextFull(): PassEnd {
    this.#closeThought();
    return { type: "end", reason: "length", isExhausted: true };
  }

  #think(text: string, tokens: number): void {
    this.#thought += text;
    for (const part of this.#sentences.push(text, tokens)) this.#pushThought(part);
  }

  #pushThought(part: { channel: "semantic" | "acoustic"; text: string; tokens: number }): void {
    if (part.text !== "") this.#push({ type: "delta", ...part, isHeuristic: true });
  }

  #closeThought(): void {
    if (!this.#isThinking) return;
    this.#isThinking = false;
    for (const part of this.#sentences.end()) this.#pushThought(part);
  }

  #write(text: string, tokens: number): void {
    if (text === "") return;
    this.#answer += text;
    this.#push({ type: "delta", channel: "answer", text, tokens, ...(this.#isThinking && { isAhead: true }) });
  }

  #call(pieces: readonly CallPiece[]): PassEnd {
    this.#closeThought();
    const whole = new Map<number, { name: string; arguments: string }>();
    for (const piece of pieces) {
      const call = whole.get(piece.index) ?? { name: "", arguments: "" };
      whole.set(piece.index, { name: call.name + piece.name, arguments: call.arguments + piece.arguments });
    }
    const calls = [...whole.values()].map((call) => ({ type: "tool_call", ...call, arguments: call.arguments || "{}" }) as const);
    if (calls.every((call) => this.#isValid(call))) {
      this.#calls = calls;
      for (const call of calls) this.#push(call);
      return { type: "end", reason: "stop" };
    }
    this.#retries += 1;
    return this.#retries > 1 ? { type: "end", reason: "invalid_tool_call" } : { type: "again" };
  }

  #isValid({ name, arguments: json }: ToolCall): boolean {
    const check = this.#checks.get(name);
    if (check === undefined) return false;
    try {
      return check(JSON.parse(json)) === undefined;
    } catch {
      return false;
    }
  }
}
