/**
 * A conversation of the embedded engine, in the process that holds the model. Audio is taken in block by block as it arrives, so that at the
 * endpoint only the last block is left; the same loop serves a file, so both give the same tokens.
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
} from "../engine.ts";
import { createEventStream } from "../event-stream.ts";
import { type ConversationState, concatSamples, makeRoom, mustMakeRoom, NEW_TURN, type OpenTurn } from "./conversation-state.ts";
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
  #order: Promise<unknown> = Promise.resolve();
  #generating = false;

  /** Use `openConversation`, which also takes in what the conversation begins with. */
  constructor(model: Model, scheduler: Scheduler, onClosed: () => void) {
    this.#model = model;
    this.#scheduler = scheduler;
    this.#onClosed = onClosed;
    this.#state = { cache: model.decoder.empty(), starts: [], owed: [], open: undefined, continuation: undefined };
  }

  /** Puts instructions and earlier items into the cache. Call once, before anything else. */
  begin({ instructions = "", items = [] }: ConversationSetup): Promise<void> {
    return this.#inOrder(async () => {
      const { systemOpen, turnClose } = this.#model.config.prompt;
      // A model that was not trained on instructions would only be confused by them.
      if (systemOpen !== undefined && instructions !== "") {
        await this.#feed([...this.#ids(systemOpen), ...this.#model.tokenizer.encode(instructions), ...this.#ids([turnClose])], "prefill");
      }
      for (const item of items) {
        await this.#add(item);
        const { open } = this.#state;
        if (open !== undefined) this.#state = { ...this.#state, open: { ...open, isFromHistory: true } };
      }
    });
  }

  append(item: AudioChunk | HistoryItem): Promise<Prefilled> {
    // The caller keeps its array and may fill it anew before the work is done.
    const kept = item.type === "audio" ? { ...item, samples: item.samples.slice() } : item;
    return this.#allOrNothing(async () => {
      if (kept.type === "audio") await this.#appendAudio(kept.samples);
      else await this.#add(kept);
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
    this.#state = { cache: this.#model.decoder.empty(), starts: [], owed: [], open: undefined, continuation: undefined };
  }

  async #answer(request: GenerateRequest, signal: AbortSignal, emit: (event: GenerateEvent) => void): Promise<void> {
    const prefilledTokens = this.#state.cache.length;
    const wasOpen = this.#state.open;
    if (wasOpen === undefined && this.#state.continuation === undefined) await this.#openTurn();
    if (this.#state.open !== undefined) {
      // Somebody waits from here on.
      await this.#finishAudio("generate");
      await this.#feed(this.#ids(this.#model.config.prompt.userClose), "generate");
    }
    const { open } = this.#state;
    this.#state = await generate({
      model: this.#model,
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
    if (this.#state.open === undefined) await this.#openTurn();
    const { ear } = this.#model;
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
    const { ear, decoder } = this.#model;
    const open = this.#mustHaveTurn();
    const block = open.pending.slice(0, ear.blockSamples);
    const heard = await this.#step(priority, () => ear.hear(block, open.ear ?? ear.initial()));
    const roomy = mustMakeRoom(this.#state, heard.count, this.#limit(priority));
    const cache = await this.#step(priority, () => decoder.prefill(heard.embeddings, roomy.cache));
    this.#state = {
      ...roomy,
      cache,
      open: {
        ...open,
        ear: heard.state,
        pending: open.pending.slice(ear.blockSamples),
        audioTokens: open.audioTokens + heard.count,
        tokens: open.tokens + heard.count,
        transcript: heard.transcript,
        endOfTurn: heard.endOfTurn,
      },
    };
  }

  /** A user's text and a tool's result join the turn that is open, each its kind; any other item is history and closes it. */
  async #add(item: HistoryItem): Promise<void> {
    if (item.type === "tool_call") {
      await this.#closeTurn();
      const { assistantOpen, direct, turnClose } = this.#model.config.prompt;
      const call = this.#model.tokenizer.encode(`${item.name}(${item.arguments})`);
      await this.#settle();
      const before = this.#ids([...assistantOpen, ...direct, "<tool_call>"]);
      await this.#feed([...before, ...call, ...this.#ids(["</tool_call>", turnClose])], "prefill");
    } else if (item.role === "user" || item.role === "tool") {
      await this.#makeWay(item.role);
      if (this.#state.open === undefined) await this.#openTurn(item.role);
      else await this.#finishAudio("prefill");
      await this.#feed(this.#model.tokenizer.encode(item.text), "prefill");
    } else {
      await this.#closeTurn();
      await this.#addToHistory(item.role, item.text);
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
    await this.#feed(this.#ids(this.#model.config.prompt.userClose), "prefill");
    this.#state = { ...this.#state, open: undefined };
  }

  async #openTurn(role: "user" | "tool" = "user"): Promise<void> {
    await this.#settle();
    const start = this.#state.cache.length;
    this.#state = {
      ...this.#state,
      starts: [...this.#state.starts, start],
      open: { ...NEW_TURN, isResult: role === "tool" },
      continuation: undefined,
    };
    await this.#feed(this.#ids(role === "tool" ? ["<|tool|>"] : this.#model.config.prompt.userOpen), "prefill");
  }

  async #addToHistory(role: "system" | "assistant", text: string): Promise<void> {
    const { config, tokenizer } = this.#model;
    const { systemOpen, assistantOpen, direct, turnClose } = config.prompt;
    if (role === "system" && systemOpen === undefined) return;
    await this.#settle();
    const before = role === "system" ? (systemOpen ?? []) : [...assistantOpen, ...direct];
    if (role === "system" || this.#state.starts.length === 0) {
      this.#state = { ...this.#state, starts: [...this.#state.starts, this.#state.cache.length] };
    }
    await this.#feed([...this.#ids(before), ...tokenizer.encode(text), ...this.#ids([turnClose])], "prefill");
  }

  /** Puts the tokens that close the last answer into the cache, as part of that answer's turn. */
  async #settle(): Promise<void> {
    const { owed } = this.#state;
    this.#state = { ...this.#state, owed: [], continuation: undefined };
    // No room even after forgetting: the last turn fills the context and will itself be forgotten for the next one.
    if (makeRoom(this.#state, owed.length, this.#limit("prefill")) !== undefined) await this.#feed(owed, "prefill");
  }

  /** Takes tokens into the cache, making room first. */
  async #feed(tokens: readonly number[], priority: Priority): Promise<void> {
    if (tokens.length === 0) return;
    const { decoder } = this.#model;
    const roomy = mustMakeRoom(this.#state, tokens.length, this.#limit(priority));
    const cache = await this.#step(priority, () => decoder.prefill(decoder.embed(tokens), roomy.cache));
    const open = roomy.open && { ...roomy.open, tokens: roomy.open.tokens + tokens.length };
    this.#state = { ...roomy, cache, open };
  }

  /** How full the cache may become: what comes in leaves room for its answer, what closes the turn may use it. */
  #limit(priority: Priority): number {
    const { contextTokens } = this.#model.config;
    return priority === "generate" ? contextTokens : contextTokens - Math.floor(contextTokens * ANSWER_SHARE);
  }

  #prefilled(): Prefilled {
    const { tokens = 0, transcript, endOfTurn } = this.#state.open ?? {};
    return { tokens, ...(transcript && { transcript }), ...(endOfTurn !== undefined && { endOfTurn }) };
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
