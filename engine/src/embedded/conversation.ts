/**
 * A conversation of the embedded engine, in the process that holds the model. Audio is taken in block by block as it arrives, and the decoder does not
 * run while it does: tokens that attend to a turn's audio are owed until all of it is there. So at the endpoint one block and one run of
 * a few tokens are left, however long the speech was; the same loop serves a file, so both give the same tokens.
 */
import { AloudError } from "@aloud/client/protocol";
import {
  type AudioChunk,
  type Checkpoint,
  type Conversation,
  type ConversationSetup,
  type GenerateEvent,
  type GenerateRequest,
  type HistoryItem,
  MAX_CHECKPOINTS,
  type Prefilled,
  type ToolCall,
} from "../engine.ts";
import { createEventStream } from "../event-stream.ts";
import { addBlock, type HeardAudio, NO_AUDIO } from "../hearing/heard-audio.ts";
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
import { generate } from "./generation.ts";
import type { Model } from "./model.ts";
import type { Priority, Scheduler } from "./scheduler.ts";

/** Share of the context that is kept free for thinking and answering: 256 of nano's 1,024 tokens, nearly its two budgets together. */
const ANSWER_SHARE = 1 / 4;

export class EmbeddedConversation implements Conversation {
  readonly #model: Model;
  readonly #scheduler: Scheduler;
  readonly #onClosed: () => void;
  readonly #ended = new AbortController();
  readonly #checkpoints = new Map<number, ConversationState>();
  #knownCheckpoints: number[] = [];
  #nextCheckpoint = 0;
  #state: ConversationState;
  #tools = new DeclaredTools([], []);
  #order: Promise<unknown> = Promise.resolve();
  #generating = false;

  /** Use `openConversation`, which also takes in what the conversation begins with. */
  constructor(model: Model, scheduler: Scheduler, onClosed: () => void) {
    this.#model = model;
    this.#scheduler = scheduler;
    this.#onClosed = onClosed;
    this.#state = emptyState(model.decoder.empty());
  }

  /**
   * Puts instructions, tools and earlier items into the cache. Call once, before anything else.
   * @throws AloudError `invalid_value` when a tool's schema cannot be used
   */
  begin({ instructions = "", tools = [], items = [] }: ConversationSetup): Promise<void> {
    return this.#inOrder(async () => {
      const { systemOpen, systemClose, takesInstructions, tools: toolPrompt } = this.#model.config.prompt;
      if (takesInstructions && instructions !== "") this.#write(systemOpen, instructions, systemClose);
      this.#tools = new DeclaredTools(tools, this.#model.config.tools);
      const { names } = this.#tools;
      if (toolPrompt !== undefined && names.length > 0) this.#write(systemOpen, `tools: ${names.join(", ")}`, systemClose);
      for (const item of items) {
        await this.#add(item);
        const { open } = this.#state;
        if (open !== undefined) this.#state = { ...this.#state, open: { ...open, isFromHistory: true } };
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
      if (this.#state.open?.ear === undefined) await this.#feedOwed();
      return this.#prefilled();
    });
  }

  checkpoint(): Checkpoint {
    this.#mustBeOpen();
    const id = this.#nextCheckpoint++;
    this.#knownCheckpoints.push(id);
    const forgotten = this.#knownCheckpoints.length > MAX_CHECKPOINTS ? this.#knownCheckpoints.shift() : undefined;
    // In order: what was called before has its effect first.
    this.#inOrder(async () => {
      this.#checkpoints.set(id, this.#state);
      if (forgotten !== undefined) this.#checkpoints.delete(forgotten);
    }).catch(() => undefined);
    return { id };
  }

  rollback({ id }: Checkpoint): void {
    this.#mustBeOpen();
    if (!this.#knownCheckpoints.includes(id)) throw new AloudError("internal_error", `checkpoint ${id} is unknown or was forgotten`);
    this.#knownCheckpoints = this.#knownCheckpoints.filter((known) => known <= id);
    this.#inOrder(async () => {
      this.#state = this.#checkpoints.get(id) ?? this.#state;
      for (const known of this.#checkpoints.keys()) if (known > id) this.#checkpoints.delete(known);
    }).catch(() => undefined);
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
      this.#checkpoints.clear();
      this.#onClosed();
    }
    return this.#order.then(
      () => this.#release(),
      () => this.#release(),
    );
  }

  #release(): void {
    this.#state = emptyState(this.#model.decoder.empty());
  }

  async #answer(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): Promise<void> {
    const { cache, audio } = this.#state;
    const prefilledTokens = cache.length + (this.#state.open === undefined ? 0 : audio.frames);
    if (this.#state.open === undefined && this.#state.continuation === undefined) await this.#openTurn("user");
    if (this.#state.open !== undefined) {
      // Somebody waits from here on.
      await this.#finishAudio("generate");
      this.#write(this.#turnClose(), "", [], "generate");
    }
    const { open } = this.#state;
    this.#state = await generate({
      model: this.#model,
      tools: this.#tools,
      state: { ...this.#state, open: undefined },
      turn: open,
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
    if (this.#state.open === undefined) await this.#openTurn("user");
    if (samples.length === 0) return;
    const { ear, config } = this.#model;
    if (this.#mustHaveTurn().ear === undefined) {
      // What was typed before does not attend to the audio.
      await this.#feedOwed();
      this.#write(config.prompt.audio);
    }
    const open = this.#mustHaveTurn();
    this.#state = { ...this.#state, open: { ...open, ear: open.ear ?? ear.initial(), pending: concatSamples(open.pending, samples) } };
    while (this.#mustHaveTurn().pending.length >= ear.blockSamples) await this.#hearBlock("prefill");
  }

  /** Pads what is left of the turn's audio to a block. */
  async #finishAudio(priority: Priority): Promise<void> {
    const open = this.#mustHaveTurn();
    const { blockSamples } = this.#model.ear;
    if (open.pending.length === 0) return;
    const padding = new Float32Array(blockSamples - open.pending.length);
    this.#state = { ...this.#state, open: { ...open, pending: concatSamples(open.pending, padding) } };
    await this.#hearBlock(priority);
  }

  async #hearBlock(priority: Priority): Promise<void> {
    const { ear, config } = this.#model;
    const open = this.#mustHaveTurn();
    const block = open.pending.slice(0, ear.blockSamples);
    const heard = await this.#step(priority, () => ear.hear(block, open.ear ?? ear.initial()));
    this.#state = {
      ...this.#state,
      audio: addBlock(this.#state.audio, heard.audio, config.maxCrossFrames),
      open: {
        ...open,
        ear: heard.state,
        pending: open.pending.slice(ear.blockSamples),
        transcript: heard.transcript,
        endOfTurn: heard.endOfTurn,
      },
    };
  }

  /** A user's text and a tool's result join the turn that is open, each its kind; any other item is history and closes it. */
  async #add(item: HistoryItem): Promise<void> {
    if (item.type === "text" && (item.role === "user" || item.role === "tool")) {
      // A model without tools does not know what a result is.
      if (item.role === "tool" && this.#model.config.prompt.tools === undefined) return;
      await this.#makeWay(item.role);
      if (this.#state.open === undefined) await this.#openTurn(item.role);
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
    const { open } = this.#state;
    if (open === undefined) return;
    const joins = role === "tool" ? open.isResult : !open.isResult && !open.isFromHistory;
    if (!joins) await this.#closeTurn();
  }

  /** Leaves the open turn, if there is one, as history that nobody answered. */
  async #closeTurn(): Promise<void> {
    if (this.#state.open === undefined) return;
    await this.#finishAudio("prefill");
    this.#write(this.#turnClose());
    this.#state = { ...this.#state, open: undefined };
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
    if (role === "user" || this.#state.starts.length === 0) this.#startTurn();
    this.#state = { ...this.#state, open: { ...NEW_TURN, isResult: role === "tool" }, continuation: undefined };
    this.#write(role === "user" ? prompt.userOpen : (prompt.tools?.resultOpen ?? []));
  }

  async #addToHistory(role: "system" | "assistant", text: string): Promise<void> {
    const { systemOpen, systemClose, takesInstructions, assistantOpen, direct, turnClose } = this.#model.config.prompt;
    if (role === "system" && !takesInstructions) return;
    if (role === "system") await this.#attendTo(NO_AUDIO);
    this.#fitOwed();
    if (role === "system" || this.#state.starts.length === 0) this.#startTurn();
    this.#state = { ...this.#state, continuation: undefined };
    if (role === "system") this.#write(systemOpen, text, systemClose);
    else this.#write([...assistantOpen, ...direct], text, [turnClose]);
  }

  #addCall(call: ToolCall): void {
    const { assistantOpen, direct, tools, turnClose } = this.#model.config.prompt;
    if (tools === undefined) return;
    this.#fitOwed();
    if (this.#state.starts.length === 0) this.#startTurn();
    this.#state = { ...this.#state, continuation: undefined };
    this.#write([...assistantOpen, ...direct, tools.callOpen], this.#tools.write(call), [tools.callClose, turnClose]);
  }

  #startTurn(): void {
    this.#state = { ...this.#state, starts: [...this.#state.starts, contextLength(this.#state)] };
  }

  /**
   * What closes an answer may find no room even after forgetting: the last turn fills the context and will itself be forgotten for the
   * next one, without its end.
   */
  #fitOwed(): void {
    const { contextTokens } = this.#model.config;
    this.#state = makeRoom(this.#state, 0, contextTokens) ?? { ...this.#state, owed: [] };
  }

  /** Puts what is owed into the cache while it still attends to what it should. */
  async #attendTo(audio: HeardAudio): Promise<void> {
    if (this.#state.audio === audio) return;
    await this.#feedOwed();
    this.#state = { ...this.#state, audio };
  }

  /**
   * Says control tokens and words, making room for them. They go into the cache with `#feedOwed` or when the answer begins.
   * @throws AloudError `context_length_exceeded`
   */
  #write(before: readonly string[], text = "", after: readonly string[] = [], priority: Priority = "prefill"): void {
    const words = text === "" ? [] : this.#model.tokenizer.encode(text);
    const tokens = [...this.#ids(before), ...words, ...this.#ids(after)];
    const roomy = mustMakeRoom(this.#state, tokens.length, this.#limit(priority));
    const open = roomy.open && { ...roomy.open, textTokens: roomy.open.textTokens + tokens.length };
    this.#state = { ...roomy, open, owed: [...roomy.owed, ...tokens] };
  }

  async #feedOwed(): Promise<void> {
    this.#fitOwed();
    const { owed, cache, audio } = this.#state;
    if (owed.length === 0) return;
    const fed = await this.#step("prefill", () => this.#model.decoder.prefill(owed, cache, audio));
    this.#state = { ...this.#state, cache: fed, owed: [] };
  }

  /** How full the context may become: what comes in leaves room for its answer, what closes the turn may use it. */
  #limit(priority: Priority): number {
    const { contextTokens } = this.#model.config;
    return priority === "generate" ? contextTokens : contextTokens - Math.floor(contextTokens * ANSWER_SHARE);
  }

  #prefilled(): Prefilled {
    const { open, audio } = this.#state;
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
    const { open } = this.#state;
    if (open === undefined) throw new Error("no turn is open");
    return open;
  }

  /** Like `#inOrder`; when it fails, the conversation is as it was before. */
  #allOrNothing<T>(work: () => Promise<T>): Promise<T> {
    return this.#inOrder(async () => {
      const before = this.#state;
      try {
        return await work();
      } catch (error) {
        this.#state = before;
        throw error;
      }
    });
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#order.then(() => {
      this.#mustBeOpen();
      return work();
    });
    this.#order = result.catch(() => undefined);
    return result;
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) throw new AloudError("engine_unavailable", "the conversation is closed");
  }
}
