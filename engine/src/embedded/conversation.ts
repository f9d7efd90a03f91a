/**
 * A conversation of the embedded engine, in the process that holds the model. Audio is taken in block by block as it arrives, and the decoder does not
 * run while it does: tokens that attend to a turn's audio are owed until all of it is there. So at the endpoint one block, the end of the dictation
 * and one run over it are left, however long the speech was; the same loop serves a file, so both give the same tokens.
 */
import { AloudError } from "@aloud/client/protocol";
import type {
  AudioChunk,
  Checkpoint,
  Conversation,
  ConversationSetup,
  GenerateEvent,
  GenerateRequest,
  HistoryItem,
  Prefilled,
  ToolCall,
} from "../engine.ts";
import { createEventStream } from "../event-stream.ts";
import type { Heard } from "../hearing/ear.ts";
import { addBlock, type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";
import { Timeline } from "../timeline.ts";
import { DeclaredTools } from "../tools/declared.ts";
import {
  type ConversationState,
  concatSamples,
  contextLength,
  emptyState,
  makeRoom,
  mustMakeRoom,
  NEW_TURN,
  type OpenTurn,
} from "./conversation-state.ts";
import type { Dictation } from "./dictation.ts";
import { generate } from "./generation.ts";
import type { Model } from "./model.ts";
import type { ProposedWords } from "./quote.ts";
import type { Priority, Scheduler, Step } from "./scheduler.ts";

/** Share of the context that is kept free for thinking and answering: 256 of nano's 1,024 tokens, nearly its two budgets together. */
const ANSWER_SHARE = 1 / 4;

export class EmbeddedConversation implements Conversation {
  readonly #model: Model;
  readonly #scheduler: Scheduler;
  readonly #onClosed: () => void;
  readonly #ended = new AbortController();
  readonly #timeline: Timeline<ConversationState>;
  #tools = new DeclaredTools([], []);
  #generating = false;

  /** Use `openConversation`, which also takes in what the conversation begins with. */
  constructor(model: Model, scheduler: Scheduler, onClosed: () => void) {
    this.#model = model;
    this.#scheduler = scheduler;
    this.#onClosed = onClosed;
    this.#timeline = new Timeline(emptyState(model.decoder.empty()), () => this.#mustBeOpen());
  }

  /**
   * Puts instructions, tools and earlier items into the cache. Call once, before anything else.
   * @throws AloudError `invalid_value` when a tool's schema cannot be used
   */
  begin({ instructions = "", tools = [], items = [] }: ConversationSetup): Promise<void> {
    return this.#timeline.inOrder(async () => {
      const { systemOpen, systemClose, takesInstructions, tools: toolPrompt } = this.#model.config.prompt;
      if (takesInstructions && instructions !== "") this.#write(systemOpen, instructions, systemClose);
      this.#tools = new DeclaredTools(tools, this.#model.config.tools);
      const { names } = this.#tools;
      if (toolPrompt !== undefined && names.length > 0) this.#write(systemOpen, `tools: ${names.join(", ")}`, systemClose);
      for (const item of items) {
        await this.#add(item);
        const { open } = this.#timeline.state;
        if (open !== undefined) this.#timeline.state = { ...this.#timeline.state, open: { ...open, isFromHistory: true } };
      }
      await this.#feedOwed();
    });
  }

  append(item: AudioChunk | HistoryItem): Promise<Prefilled> {
    // The caller keeps its array and may fill it anew before the work is done.
    const kept = item.type === "audio" ? { ...item, samples: item.samples.slice() } : item;
    return this.#allOrNothing(async () => {
      if (kept.type === "audio") await this.#appendAudio(kept.samples);
      else await this.#add(kept);
      // With audio, more of it may come that these tokens have to attend to.
      if (this.#timeline.state.open?.ear === undefined) await this.#feedOwed();
      return this.#prefilled();
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
    let done: Promise<void> = Promise.resolve();
    const stream = createEventStream<GenerateEvent>(() => {
      broken.abort();
      return done;
    });
    if (this.#generating) {
      stream.fail(new AloudError("conversation_already_has_active_response", "the conversation is answering already"));
      return stream;
    }
    this.#generating = true;
    const stop = AbortSignal.any([signal, broken.signal, this.#ended.signal]);
    done = this.#allOrNothing(() => this.#answer(request, stop, (event) => stream.push(event)))
      .then(stream.end, stream.fail)
      .finally(() => {
        this.#generating = false;
      });
    return stream;
  }

  /** Ends running calls and frees the cache. */
  close(): Promise<void> {
    if (!this.#ended.signal.aborted) {
      this.#ended.abort();
      this.#timeline.clear();
      this.#onClosed();
    }
    return this.#timeline.settled.then(() => this.#release());
  }

  #release(): void {
    this.#timeline.state = emptyState(this.#model.decoder.empty());
  }

  async #answer(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): Promise<void> {
    const { cache, audio } = this.#timeline.state;
    const prefilledTokens = cache.length + (this.#timeline.state.open === undefined ? 0 : audio.frames);
    if (this.#timeline.state.open === undefined && this.#timeline.state.continuation === undefined) await this.#openTurn("user");
    if (this.#timeline.state.open !== undefined) {
      // Somebody waits from here on.
      await this.#finishAudio("generate");
      this.#write(this.#turnClose(), "", [], "generate");
    }
    const { open } = this.#timeline.state;
    const proposed = open && (await this.#finishDictation(open));
    this.#timeline.state = await generate({
      model: this.#model,
      tools: this.#tools,
      state: { ...this.#timeline.state, open: undefined },
      turn: open && proposed ? { ...open, transcript: { stable: proposed.words, tail: "" } } : open,
      proposed,
      prefilledTokens,
      request,
      signal,
      emit,
      step: (work) => this.#step("generate", work),
    });
    this.#mustBeOpen();
  }

  async #appendAudio(samples: Float32Array): Promise<void> {
    await this.#makeWay("user");
    if (this.#timeline.state.open === undefined) await this.#openTurn("user");
    if (samples.length === 0) return;
    const { ear, config } = this.#model;
    if (this.#mustHaveTurn().ear === undefined) {
      // What was typed before does not attend to the audio.
      await this.#feedOwed();
      this.#write(config.prompt.audio);
    }
    const open = this.#mustHaveTurn();
    this.#timeline.state = {
      ...this.#timeline.state,
      open: { ...open, ear: open.ear ?? ear.initial(), pending: concatSamples(open.pending, samples) },
    };
    while (this.#mustHaveTurn().pending.length >= ear.blockSamples) await this.#hearBlock("prefill");
  }

  /** Pads what is left of the turn's audio to a block. */
  async #finishAudio(priority: Priority): Promise<void> {
    const open = this.#mustHaveTurn();
    const { blockSamples } = this.#model.ear;
    if (open.pending.length === 0) return;
    const padding = new Float32Array(blockSamples - open.pending.length);
    this.#timeline.state = { ...this.#timeline.state, open: { ...open, pending: concatSamples(open.pending, padding) } };
    await this.#hearBlock(priority);
  }

  async #hearBlock(priority: Priority): Promise<void> {
    const { ear, config } = this.#model;
    const open = this.#mustHaveTurn();
    const block = open.pending.slice(0, ear.blockSamples);
    const heard = await this.#step(priority, () => ear.hear(block, open.ear ?? ear.initial()));
    const dictation = await this.#dictate(open.dictation, heard, priority);
    this.#timeline.state = {
      ...this.#timeline.state,
      audio: addBlock(this.#timeline.state.audio, heard.audio, config.maxCrossFrames),
      open: {
        ...open,
        ear: heard.state,
        pending: open.pending.slice(ear.blockSamples),
        transcript: this.#model.scribe?.live(dictation) ?? heard.transcript,
        dictation,
        endOfTurn: heard.endOfTurn,
      },
    };
  }

  async #dictate(before: Dictation, heard: Heard, priority: Priority): Promise<Dictation> {
    const { ear, scribe } = this.#model;
    if (scribe === undefined) return before;
    const step: Step = (work) => this.#step(priority, work);
    // What closes the turn is written down when it is answered.
    const isBusy = priority === "generate" || this.#scheduler.waiting > 0;
    return scribe.listen(before, heard, { silence: () => step(() => ear.silenceAfter(heard.state)), isBusy, step });
  }

  /** The user's words for the thought to begin with; none where what thinks heard less of the turn than the scribe. */
  async #finishDictation({ dictation, ear: state }: OpenTurn): Promise<ProposedWords | undefined> {
    const { ear, scribe, config } = this.#model;
    if (scribe === undefined || state === undefined || this.#timeline.state.audio.frames >= config.maxCrossFrames) return undefined;
    const step: Step = (work) => this.#step("generate", work);
    return scribe.finish(dictation, { silence: () => step(() => ear.silenceAfter(state)), step });
  }

  /** A user's text and a tool's result join the turn that is open, each its kind; any other item is history and closes it. */
  async #add(item: HistoryItem): Promise<void> {
    if (item.type === "text" && (item.role === "user" || item.role === "tool")) {
      // A model without tools does not know what a result is.
      if (item.role === "tool" && this.#model.config.prompt.tools === undefined) return;
      await this.#makeWay(item.role);
      if (this.#timeline.state.open === undefined) await this.#openTurn(item.role);
      else await this.#finishAudio("prefill");
      const isFurtherResult = item.role === "tool" && this.#mustHaveTurn().textTokens > 1;
      this.#write([], isFurtherResult ? ` ${item.text}` : item.text);
    } else {
      await this.#closeTurn();
      if (item.type === "tool_call") this.#addCall(item);
      else await this.#addToHistory(item.role === "system" ? "system" : "assistant", item.text);
    }
  }

  /** Closes the open turn unless what comes joins it: a user's words a turn that was not said before, a result other results. */
  async #makeWay(role: "user" | "tool"): Promise<void> {
    const { open } = this.#timeline.state;
    if (open === undefined) return;
    const joins = role === "tool" ? open.isResult : !open.isResult && !open.isFromHistory;
    if (!joins) await this.#closeTurn();
  }

  /** Leaves the open turn, if there is one, as history that nobody answered. */
  async #closeTurn(): Promise<void> {
    if (this.#timeline.state.open === undefined) return;
    await this.#finishAudio("prefill");
    this.#write(this.#turnClose());
    this.#timeline.state = { ...this.#timeline.state, open: undefined };
  }

  /** What ends the open turn. */
  #turnClose(): readonly string[] {
    const { userClose, tools } = this.#model.config.prompt;
    return this.#mustHaveTurn().isResult ? (tools?.resultClose ?? []) : userClose;
  }

  async #openTurn(role: "user" | "tool"): Promise<void> {
    const { prompt } = this.#model.config;
    await this.#attendTo(NO_AUDIO);
    this.#fitOwed();
    // A result is forgotten together with its call.
    if (role === "user" || this.#timeline.state.starts.length === 0) this.#startTurn();
    this.#timeline.state = { ...this.#timeline.state, open: { ...NEW_TURN, isResult: role === "tool" }, continuation: undefined };
    this.#write(role === "user" ? prompt.userOpen : (prompt.tools?.resultOpen ?? []));
  }

  async #addToHistory(role: "system" | "assistant", text: string): Promise<void> {
    const { systemOpen, systemClose, takesInstructions, assistantOpen, direct, turnClose } = this.#model.config.prompt;
    if (role === "system" && !takesInstructions) return;
    if (role === "system") await this.#attendTo(NO_AUDIO);
    this.#fitOwed();
    if (role === "system" || this.#timeline.state.starts.length === 0) this.#startTurn();
    this.#timeline.state = { ...this.#timeline.state, continuation: undefined };
    if (role === "system") this.#write(systemOpen, text, systemClose);
    else this.#write([...assistantOpen, ...direct], text, [turnClose]);
  }

  #addCall(call: ToolCall): void {
    const { assistantOpen, direct, tools, turnClose } = this.#model.config.prompt;
    if (tools === undefined) return;
    this.#fitOwed();
    if (this.#timeline.state.starts.length === 0) this.#startTurn();
    this.#timeline.state = { ...this.#timeline.state, continuation: undefined };
    this.#write([...assistantOpen, ...direct, tools.callOpen], this.#tools.write(call), [tools.callClose, turnClose]);
  }

  #startTurn(): void {
    this.#timeline.state = { ...this.#timeline.state, starts: [...this.#timeline.state.starts, contextLength(this.#timeline.state)] };
  }

  /**
   * What closes an answer may find no room even after forgetting: the last turn fills the context and will itself be forgotten for the
   * next one, without its end.
   */
  #fitOwed(): void {
    const { contextTokens } = this.#model.config;
    this.#timeline.state = makeRoom(this.#timeline.state, 0, contextTokens) ?? { ...this.#timeline.state, owed: [] };
  }

  /** Puts what is owed into the cache while it still attends to what it should. */
  async #attendTo(audio: HeardAudio): Promise<void> {
    if (this.#timeline.state.audio === audio) return;
    await this.#feedOwed();
    this.#timeline.state = { ...this.#timeline.state, audio };
  }

  /**
   * Says control tokens and words, making room for them. They go into the cache with `#feedOwed` or when the answer begins.
   * @throws AloudError `context_length_exceeded`
   */
  #write(before: readonly string[], text = "", after: readonly string[] = [], priority: Priority = "prefill"): void {
    const words = text === "" ? [] : this.#model.tokenizer.encode(text);
    const tokens = [...this.#ids(before), ...words, ...this.#ids(after)];
    const roomy = mustMakeRoom(this.#timeline.state, tokens.length, this.#limit(priority));
    const open = roomy.open && { ...roomy.open, textTokens: roomy.open.textTokens + tokens.length };
    this.#timeline.state = { ...roomy, open, owed: [...roomy.owed, ...tokens] };
  }

  async #feedOwed(): Promise<void> {
    this.#fitOwed();
    const { owed, cache, audio } = this.#timeline.state;
    if (owed.length === 0) return;
    const fed = await this.#step("prefill", () => this.#model.decoder.prefill(owed, cache, audio));
    this.#timeline.state = { ...this.#timeline.state, cache: fed, owed: [] };
  }

  /** How full the context may become: what comes in leaves room for its answer, what closes the turn may use it. */
  #limit(priority: Priority): number {
    const { contextTokens } = this.#model.config;
    return priority === "generate" ? contextTokens : contextTokens - Math.floor(contextTokens * ANSWER_SHARE);
  }

  #prefilled(): Prefilled {
    const { open, audio } = this.#timeline.state;
    if (open === undefined) return { tokens: 0 };
    const { textTokens, transcript, endOfTurn } = open;
    return { tokens: textTokens + audio.frames, ...(transcript && { transcript }), ...(endOfTurn !== undefined && { endOfTurn }) };
  }

  async #step<T>(priority: Priority, work: () => Promise<T>): Promise<T> {
    const result = await this.#scheduler.step(priority, work);
    this.#mustBeOpen();
    return result;
  }

  #ids(controls: readonly string[]): number[] {
    return controls.map((control) => this.#model.tokenizer.controlId(control));
  }

  #mustHaveTurn(): OpenTurn {
    const { open } = this.#timeline.state;
    if (open === undefined) throw new Error("no turn is open");
    return open;
  }

  /** In order; when it fails, the conversation is as it was before. */
  #allOrNothing<T>(work: () => Promise<T>): Promise<T> {
    return this.#timeline.inOrder(async () => {
      const before = this.#timeline.state;
      try {
        return await work();
      } catch (error) {
        this.#timeline.state = before;
        throw error;
      }
    });
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) throw new AloudError("engine_unavailable", "the conversation is closed");
  }
}
