/**
 * One session's conversation with the engine: a queue of operations that take effect in order, one at a time. It opens the
 * conversation when it is first needed, and again when the engine has lost it: earlier items as text, then the audio of the open turn,
 * which is kept here for that. It knows turns and generations by number and nothing of the wire.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Checkpoint, Conversation, ConversationSetup, Engine, HistoryItem, Prefilled } from "@aloud/engine";
import { generateWithin, outputOf } from "./generation.ts";
import { OpenTurn } from "./open-turn.ts";
import { type Generation, type Operation, Operations } from "./operations.ts";
import type { GenerationEnd, GenerationId, Output, TurnId } from "./turn.ts";

export type DialogueEvent =
  | { readonly type: "prefilled"; readonly turnId: TurnId; readonly prefilled: Prefilled }
  | { readonly type: "transcript"; readonly turnId: TurnId; readonly generation: GenerationId; readonly text: string }
  | { readonly type: "output"; readonly generation: GenerationId; readonly output: Output }
  | { readonly type: "generated"; readonly turnId: TurnId; readonly generation: GenerationId; readonly end: GenerationEnd }
  | { readonly type: "failed"; readonly generation: GenerationId; readonly error: AloudError }
  /** The words of a turn that gets no answer; undefined when the model gives none. */
  | { readonly type: "transcribed"; readonly turnId: TurnId; readonly text: string | undefined }
  /** Audio or text could not be taken in, also not by a new conversation. It is kept and tried again with the next operation. */
  | { readonly type: "lost"; readonly error: AloudError };

export interface DialogueOptions {
  readonly engine: Engine;
  /** Instructions, tools and earlier items for a conversation that is opened now. */
  readonly setup: () => ConversationSetup;
  /** Called synchronously, also from within a method of this class. */
  readonly report: (event: DialogueEvent) => void;
}

export class Dialogue {
  readonly #options: DialogueOptions;
  readonly #operations = new Operations();
  #pump: Promise<void> | undefined;
  #state: "open" | "closed" = "open";
  readonly #ended = new AbortController();

  #conversation: Conversation | undefined;
  /** Whether the conversation was told the history and instructions as they are now. */
  #memory: "current" | "stale" = "current";
  readonly #openTurn = new OpenTurn();
  #turnId: TurnId = 0;
  /** Where the newest input began in the conversation. */
  #baseline: Checkpoint | undefined;
  #current: { readonly generation: Generation; checkpoint: Checkpoint } | undefined;
  #prefilled: Prefilled = { tokens: 0 };

  constructor(options: DialogueOptions) {
    this.#options = options;
  }

  /** Audio waiting to be taken in, in ms. */
  waitingMs(): number {
    return this.#operations.waitingMs();
  }

  /** The audio and items that follow belong to this turn. */
  begin(turnId: TurnId): void {
    this.#enqueue({ do: "begin", turnId });
  }

  /**
   * @param itemId the conversation item that the audio belongs to
   * @throws AloudError `input_audio_buffer_full` when too much waits already; nothing of these samples is kept then
   */
  hear(samples: Float32Array, itemId: string): void {
    this.#enqueue({ do: "audio", samples, itemId });
  }

  say(item: HistoryItem, itemId: string): void {
    this.#enqueue({ do: "item", item, itemId });
  }

  /** An item was deleted: a conversation that is opened anew does not hear of it. */
  unsay(itemId: string): void {
    this.#openTurn.remove(itemId);
    this.#operations.dropItem(itemId);
  }

  generate(generation: Omit<Generation, "abort">): void {
    this.#enqueue({ do: "generate", ...generation, abort: new AbortController() });
  }

  /** Ends a generation; what it has said stays in the model's memory. */
  abort(generation: GenerationId): void {
    if (this.#operations.dropGenerate(generation)) return;
    if (this.#current?.generation.generation === generation) this.#current.generation.abort.abort();
  }

  /** Ends a generation and takes the model back to before it. */
  retract(generation: GenerationId): void {
    this.abort(generation);
    this.#enqueue({ do: "rollback", generation });
  }

  /** Takes the model back to before the newest input. A generation about that input has to be retracted first. */
  forget(): void {
    this.#enqueue({ do: "forget" });
  }

  transcribe(turnId: TurnId): void {
    this.#enqueue({ do: "transcribe", turnId });
  }

  /** The open turn has been answered and belongs to the history now. Call it when the response is over. */
  settle(): void {
    this.#openTurn.clear();
    this.#baseline = undefined;
    this.#current = undefined;
    this.#prefilled = { tokens: 0 };
  }

  /** The history or the instructions changed: the next operation runs on a new conversation. What is being generated goes on. */
  reopen(): void {
    this.#memory = "stale";
  }

  /** Nothing is reported any more. Resolves once the conversation is freed, also one that the engine is still opening. Idempotent. */
  async close(): Promise<void> {
    this.#state = "closed";
    this.#ended.abort();
    this.#operations.clear();
    this.#current?.generation.abort.abort();
    this.#drop();
    await this.#pump;
  }

  #enqueue(operation: Operation): void {
    if (this.#state === "closed") return;
    this.#operations.push(operation);
    this.#pump ??= this.#run();
  }

  #report(event: DialogueEvent): void {
    if (this.#state === "open") this.#options.report(event);
  }

  async #run(): Promise<void> {
    // Everything queued within one turn of the event loop is seen together, so that audio is appended in larger pieces.
    await Promise.resolve();
    try {
      for (let operation = this.#operations.shift(); operation !== undefined; operation = this.#operations.shift())
        await this.#perform(operation);
    } finally {
      // At once, not when the promise has settled: what is queued in between would wait for ever.
      this.#pump = undefined;
    }
  }

  async #perform(operation: Operation): Promise<void> {
    if (operation.do === "audio") this.#openTurn.addAudio(operation.samples, operation.itemId);
    if (operation.do === "item") this.#openTurn.addItem(operation.item, operation.itemId);
    const own = operation.do === "generate" ? operation.own : undefined;
    // Twice: a conversation that was lost is opened anew and given the open turn, then the operation is tried once more.
    for (let attempt = 1; this.#state === "open"; attempt++) {
      let progress: "none" | "some" = "none";
      try {
        const isNew = this.#conversation === undefined || this.#memory === "stale";
        const conversation = await this.#open(own);
        if (this.#state !== "open") return;
        // What was kept includes this very operation.
        if (isNew && (operation.do === "audio" || operation.do === "item")) return;
        await this.#apply(operation, conversation, () => {
          progress = "some";
        });
        // What follows is said to the session's conversation again.
        if (own !== undefined) this.#memory = "stale";
        return;
      } catch (thrown) {
        const error = AloudError.from(thrown);
        if (error.code !== "context_length_exceeded" || own !== undefined) this.#drop();
        const isLost = error.code === "engine_unavailable" || error.code === "engine_failed";
        if (isLost && attempt === 1 && progress === ("none" as string) && this.#openTurn.isWhole) continue;
        if (operation.do === "generate") this.#report({ type: "failed", generation: operation.generation, error });
        else if (operation.do === "transcribe") this.#report({ type: "transcribed", turnId: operation.turnId, text: undefined });
        else this.#report({ type: "lost", error });
        return;
      }
    }
  }

  async #apply(operation: Operation, conversation: Conversation, onProgress: () => void): Promise<void> {
    switch (operation.do) {
      case "begin":
        this.#turnId = operation.turnId;
        this.#baseline = conversation.checkpoint();
        this.#openTurn.begin();
        this.#prefilled = { tokens: 0 };
        return;
      case "audio":
        return this.#took(await conversation.append({ type: "audio", samples: operation.samples }));
      case "item":
        return this.#took(await conversation.append(operation.item));
      case "generate":
        return this.#generate(operation, conversation, onProgress);
      case "rollback":
        if (this.#current?.generation.generation !== operation.generation) return;
        conversation.rollback(this.#current.checkpoint);
        this.#current = undefined;
        return;
      case "forget":
        this.#openTurn.forgetNewest();
        this.#current = undefined;
        this.#prefilled = { tokens: 0 };
        // Without a baseline nothing of the turn has been taken in.
        if (this.#baseline !== undefined) this.#rollbackOrDrop(conversation, this.#baseline);
        return;
      case "transcribe":
        return this.#transcribe(operation.turnId, conversation);
    }
  }

  /** After many pauses in one turn the engine has forgotten where it began; a new conversation then begins without it. */
  #rollbackOrDrop(conversation: Conversation, to: Checkpoint): void {
    try {
      conversation.rollback(to);
    } catch {
      this.#drop();
    }
  }

  #took(prefilled: Prefilled): void {
    this.#prefilled = prefilled;
    this.#report({ type: "prefilled", turnId: this.#turnId, prefilled });
  }

  async #generate(generation: Generation, conversation: Conversation, onProgress: () => void): Promise<void> {
    const id = generation.generation;
    this.#current = { generation, checkpoint: conversation.checkpoint() };
    const { signal } = generation.abort;
    for await (const event of generateWithin(conversation, generation, signal)) {
      // The reducer has dropped this generation already; its stream only has to be seen to its end.
      if (signal.aborted) continue;
      onProgress();
      switch (event.type) {
        case "delta":
          this.#report({ type: "output", generation: id, output: outputOf(event) });
          break;
        case "tool_call":
          this.#report({ type: "output", generation: id, output: { call: { name: event.name, arguments: event.arguments } } });
          break;
        case "transcript":
          this.#report({ type: "transcript", turnId: generation.turnId, generation: id, text: event.text });
          break;
        case "end":
          this.#report({ type: "generated", turnId: generation.turnId, generation: id, end: event.end });
          break;
      }
    }
  }

  /** Lets the model take in the rest of the audio by beginning an answer, listens for its transcript, and takes all of it back. */
  async #transcribe(turnId: TurnId, conversation: Conversation): Promise<void> {
    // An answer to this turn is already asked for: its own transcript comes with it.
    if (this.#operations.hasGenerate()) return;
    const checkpoint = conversation.checkpoint();
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#ended.signal]);
    let text = wordsOf(this.#prefilled);
    const request = { mode: "direct", maxThinkTokens: 1, maxAnswerTokens: 1, toolChoice: "none" } as const;
    for await (const event of conversation.generate(request, signal)) {
      if (event.type === "transcript") text = event.text;
      if (event.type !== "end") abort.abort();
    }
    if (this.#state === "open") conversation.rollback(checkpoint);
    this.#report({ type: "transcribed", turnId, text });
  }

  /** @param own asks for a conversation of its own, whatever is open */
  async #open(own?: ConversationSetup): Promise<Conversation> {
    if (this.#memory === "stale" || own !== undefined) this.#drop();
    this.#memory = "current";
    if (this.#conversation !== undefined) return this.#conversation;
    const conversation = await this.#options.engine.open({ ...this.#options.setup(), ...own });
    if (this.#state === "closed") {
      await conversation.close();
      return conversation;
    }
    this.#conversation = conversation;
    this.#baseline = conversation.checkpoint();
    if (own?.items !== undefined) return conversation;
    for (const [index, piece] of this.#openTurn.pieces().entries()) {
      if (index === this.#openTurn.newest) this.#baseline = conversation.checkpoint();
      this.#took(await conversation.append(piece));
    }
    return conversation;
  }

  #drop(): void {
    const conversation = this.#conversation;
    this.#conversation = undefined;
    this.#baseline = undefined;
    this.#current = undefined;
    // It may be gone already; there is nobody to tell.
    conversation?.close().catch(() => {});
  }
}

/** All words that a prefill made out so far; undefined for a model that does not transcribe. */
export function wordsOf({ transcript }: Prefilled): string | undefined {
  return transcript && (transcript.stable + transcript.tail).trim();
}
