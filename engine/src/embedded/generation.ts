/**
 * Generates one answer: thinking within its budget, then the answer or a tool call within its own, token by token. Everything that ends it leaves
 * the conversation in a state from which the next turn, or the rest of the answer, can go on.
 */
import type { EndReason, GenerateEvent, GenerateRequest, Sampling } from "../engine.ts";
import { endsInLoop } from "../text/repetition.ts";
import type { DeclaredTools } from "../tools/declared.ts";
import { type Continuation, type ConversationState, contextLength, makeRoom, type OpenTurn } from "./conversation-state.ts";
import { rewind } from "./kv-cache.ts";
import type { Model } from "./model.ts";
import { type ProposedWords, type Quote, quote } from "./quote.ts";
import { logProbability, pick } from "./sampler.ts";
import type { Step } from "./scheduler.ts";
import { isThought, Speaker } from "./speaker.ts";

export interface GenerationContext {
  readonly model: Model;
  readonly tools: DeclaredTools;
  /** With the user's turn closed. */
  readonly state: ConversationState;
  /** The turn that is answered; undefined when an answer that was cut goes on. */
  readonly turn: OpenTurn | undefined;
  /** The user's words as the scribe wrote them down. */
  readonly proposed: ProposedWords | undefined;
  readonly prefilledTokens: number;
  readonly request: GenerateRequest;
  readonly signal: AbortSignal;
  readonly emit: (event: GenerateEvent) => void;
  readonly step: Step;
}

const GREEDY: Sampling = { temperature: 0, topP: 1 };
/** A call that was not valid is made once more, and differently. */
const SECOND_TRY: Sampling = { temperature: 0.7, topP: 0.95 };
const MAX_CALL_TRIES = 2;
/** The longest call that nano was taught is half as long. */
const MAX_CALL_TOKENS = 96;

/** A tool call that is being written, and where to go back to if nothing comes of it. */
interface CallAttempt {
  readonly tries: number;
  readonly before: ConversationState;
  readonly answerTokensBefore: number;
}

export async function generate(context: GenerationContext): Promise<ConversationState> {
  const { model, tools, turn, signal, emit } = context;
  const { prompt, confidence, contextTokens, endTokens } = model.config;
  // No thinking at all is what `direct` means.
  const request: GenerateRequest = context.request.maxThinkTokens > 0 ? context.request : { ...context.request, mode: "direct" };
  const speaker = new Speaker({ ...context, request });
  const id = model.tokenizer.controlId;
  const ids = (controls: readonly string[]) => controls.map(id);
  const callOpen = prompt.tools && id(prompt.tools.callOpen);
  const callClose = prompt.tools && id(prompt.tools.callClose);
  const mayCall = request.toolChoice !== "none" && tools.names.length > 0;
  /** How the answer must begin. */
  const demanded = mayCall && request.toolChoice === "required" && callOpen !== undefined ? [callOpen] : [];

  let state = context.state;
  let seed = request.sampling?.seed ?? 0;
  let thinkTokens = 0;
  let answerTokens = 0;
  let call: CallAttempt | undefined;
  const spoken: number[] = [];
  /** Tokens that come next, whatever the model would say. */
  let forced: number[] = [];
  /** And at the beginning of the answer. */
  let forcedAnswer: number[] = [];
  /** The quotation that the thought begins with: tokens to be said, all of them in the cache already, and what may come after them. */
  let quoted: Quote | undefined;
  let quotedSaid = 0;
  /** From which confidence on the user's words are believed. */
  let leastConfidence = confidence?.transcript ?? 0;
  const audioTokens = turn === undefined ? 0 : state.audio.frames;
  const promptTokens = contextLength(state) + audioTokens;

  /** Feeds what is owed and `tokens`, and gives the next token. Undefined when the context is full. */
  const advance = async (tokens: readonly number[]): Promise<number | undefined> => {
    if (quoted !== undefined) {
      const token = quoted.tokens[quotedSaid];
      if (token !== undefined && speaker.isQuoting) speaker.weigh(quoted.logProbabilities[quotedSaid] ?? 0);
      quotedSaid += 1;
      if (token !== undefined) return token;
      const { logits } = quoted;
      quoted = undefined;
      return forced.shift() ?? choose(logits);
    }
    const roomy = makeRoom(state, tokens.length, contextTokens);
    if (roomy === undefined) return undefined;
    const feed = [...roomy.owed, ...tokens];
    const next = forced.shift();
    if (next !== undefined) {
      const cache = await context.step(() => model.decoder.prefill(feed, roomy.cache, roomy.audio));
      state = { ...roomy, cache, owed: [] };
      return next;
    }
    const { cache, logits } = await context.step(() => model.decoder.step(feed, roomy.cache, roomy.audio));
    state = { ...roomy, cache, owed: [] };
    return choose(logits);
  };
  const choose = (logits: Float32Array): number => {
    const sampling = call !== undefined && call.tries > 1 ? SECOND_TRY : (request.sampling ?? GREEDY);
    const callIsWelcome = mayCall && speaker.channel === "answer";
    const picked = pick(logits, sampling, seed, callIsWelcome ? undefined : callOpen);
    seed = picked.seed;
    if (speaker.isQuoting) speaker.weigh(logProbability(logits, picked.token));
    return picked.token;
  };
  /** Forgets what is in the cache and was not said. */
  const dropQuoted = (): void => {
    if (quoted === undefined) return;
    const unsaid = quoted.tokens.length - quotedSaid + 1;
    state = { ...state, cache: rewind(state.cache, state.cache.length - unsaid) };
    quoted = undefined;
  };
  /** The state after generation. What closes the answer is owed: it goes into the cache with whatever comes next. */
  const finish = (reason: EndReason, continuation?: Continuation, closing: readonly string[] = []): ConversationState => {
    if (reason === "stop") speaker.end();
    dropQuoted();
    const { prefilledTokens } = context;
    const usage = { promptTokens, audioTokens, prefilledTokens: Math.min(prefilledTokens, promptTokens), thinkTokens, answerTokens };
    emit({ type: "end", reason, usage });
    const thought = isThought(speaker.channel) ? [prompt.thinkClose] : [];
    return { ...state, owed: [...state.owed, ...ids([...thought, ...closing, prompt.turnClose])], continuation };
  };
  /** A thought that ends with a call for which the app has a tool is carried out, not answered. */
  const plannedCall = (): number[] | undefined => {
    const text = speaker.plannedCall;
    if (!mayCall || callOpen === undefined || callClose === undefined || text === undefined || !tools.has(text)) return undefined;
    return [callOpen, ...model.tokenizer.encode(text), callClose];
  };
  /** That the words were not clear, and the end of the turn. */
  const unclearAnswer = (words: string): number[] => {
    const answer = confidence?.unclear.answer.replaceAll("{transcript}", words) ?? "";
    return [...model.tokenizer.encode(answer), id(prompt.turnClose)];
  };
  /** Takes a call back that did not come to its end. */
  const withoutCall = (): void => {
    if (call === undefined) return;
    state = call.before;
    answerTokens = call.answerTokensBefore;
    speaker.dropCall();
  };

  const before = turn === undefined ? state.continuation : undefined;
  // The answer is not closed after all.
  if (before !== undefined) state = { ...state, owed: [] };
  if (before?.type === "exhausted") return finish("length", before);
  if (before !== undefined) forced = [...before.forced];
  else if (request.mode === "direct") forced = [...demanded];
  const opening = ids([...prompt.assistantOpen, ...(request.mode === "think" ? prompt.think : prompt.direct)]);
  if (before === undefined && request.mode === "think" && context.proposed !== undefined) {
    quoted = await quote(model, state, opening, context.proposed, context.step);
    state = quoted?.state ?? state;
    if (quoted !== undefined && quoted.by !== "thinker")
      leastConfidence = model.config.scribe?.leastConfidence[quoted.by] ?? leastConfidence;
  }
  let next = before === undefined ? await advance(opening) : before.token;
  for (;;) {
    if (signal.aborted) {
      withoutCall();
      return finish("aborted");
    }
    if (next === undefined) {
      withoutCall();
      return finish("length", { type: "exhausted" });
    }
    const isLoop = endsInLoop(spoken);
    if (call !== undefined && callOpen !== undefined) {
      if (next === callClose || endTokens.has(next) || isLoop || answerTokens - call.answerTokensBefore > MAX_CALL_TOKENS) {
        const read = tools.read(speaker.callText);
        if (read.type === "call") {
          emit(read.call);
          return finish("stop", undefined, prompt.tools && [prompt.tools.callClose]);
        }
        withoutCall();
        if (call.tries >= MAX_CALL_TRIES) return finish("invalid_tool_call");
        spoken.length = 0;
        next = callOpen;
      }
    }
    const thinking = isThought(speaker.channel);
    const ended = call === undefined && endTokens.has(next);
    if (ended && !thinking) {
      if (answerTokens > 0 || confidence === undefined) return finish("stop");
      // Nobody is left without a word, whatever the model lost its way in.
      forced = unclearAnswer(speaker.words);
      next = forced.shift() ?? next;
    }
    if (!thinking && answerTokens >= request.maxAnswerTokens) {
      // A call is made anew, whole, when the answer goes on.
      const token: number = call !== undefined && callOpen !== undefined ? callOpen : next;
      withoutCall();
      return finish("length", { type: "token", token, channel: speaker.channel, bytes: speaker.cutCharacter, forced });
    }
    // More of the same helps nobody, nor does the end of a turn that is not answered yet: a thought is closed and answered from, an answer is over.
    if (isLoop && !thinking && call === undefined) return finish("length", { type: "exhausted" });
    if (thinking && (ended || isLoop || thinkTokens >= request.maxThinkTokens)) {
      speaker.transcribeByEar();
      dropQuoted();
      next = id(prompt.thinkClose);
      forced = [];
    } else if (thinking) thinkTokens += 1;
    else answerTokens += 1;
    if (next === callOpen) call = { tries: (call?.tries ?? 0) + 1, before: state, answerTokensBefore: answerTokens - 1 };
    const control = model.tokenizer.control(next);
    if (control === undefined) spoken.push(next);
    else spoken.length = 0;
    const heard = speaker.say(next, control);
    if (heard?.confidence !== undefined && confidence !== undefined && heard.confidence < leastConfidence) {
      // The thought takes the turn that it takes when the words are unclear; what was said so far stands.
      const stop = heard.rest.startsWith(".") ? "" : ".";
      forced = [...model.tokenizer.encode(stop + confidence.unclear.semantic), id(prompt.acousticOpen)];
      forcedAnswer = unclearAnswer(heard.words);
    }
    if (control === prompt.thinkClose) {
      forced = forcedAnswer.length > 0 ? forcedAnswer : [...(plannedCall() ?? demanded)];
      forcedAnswer = [];
    }
    next = await advance([next]);
  }
}
