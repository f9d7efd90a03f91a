/** A conversation as the gateway holds it: every call is a message to the child, in order, and its answer. */
import { AloudError } from "@aloud/client/protocol";
import {
  type AudioChunk,
  type Checkpoint,
  type Conversation,
  type GenerateEvent,
  type GenerateRequest,
  type HistoryItem,
  type Prefilled,
  SAMPLE_RATE_HZ,
} from "../engine.ts";
import { createEventStream } from "../event-stream.ts";
import { CheckpointNumbers } from "../timeline.ts";
import type { CallId, ConversationId, FromChild, ToChild } from "./port.ts";

/** Audio that was appended and is not in the cache yet. Beyond it, `append` fails with `engine_busy` and nothing of the chunk is taken in. */
const MAX_WAITING_SAMPLES = 120 * SAMPLE_RATE_HZ;

/** A call that waits for the child. */
export interface PendingCall {
  onDone(value: unknown): void;
  onFailed(error: AloudError): void;
  onEvent?(event: Extract<FromChild, { type: "event" }>["event"]): void;
}

/** What a conversation needs of its engine. */
export interface ConversationHost {
  send(message: ToChild): void;
  call(message: (call: CallId) => ToChild, pending: PendingCall): CallId;
  onClosed(): void;
}

type Life = { readonly state: "open" } | { readonly state: "over"; readonly error: AloudError };

export class HostConversation implements Conversation {
  readonly #id: ConversationId;
  readonly #host: ConversationHost;
  #life: Life = { state: "open" };
  #waitingSamples = 0;
  readonly #checkpoints = new CheckpointNumbers();
  readonly #streams = new Set<{ fail(error: AloudError): void }>();

  constructor(id: ConversationId, host: ConversationHost) {
    this.#id = id;
    this.#host = host;
  }

  async append(item: AudioChunk | HistoryItem): Promise<Prefilled> {
    this.#mustBeOpen();
    const samples = item.type === "audio" ? item.samples.length : 0;
    if (this.#waitingSamples + samples > MAX_WAITING_SAMPLES)
      throw new AloudError("engine_busy", `more than ${MAX_WAITING_SAMPLES / SAMPLE_RATE_HZ} s of audio wait to be taken in`);
    this.#waitingSamples += samples;
    try {
      const value = await new Promise<unknown>((onDone, onFailed) => {
        this.#host.call((call) => ({ type: "append", conversation: this.#id, call, item }), { onDone, onFailed });
      });
      return value as Prefilled;
    } finally {
      this.#waitingSamples -= samples;
    }
  }

  checkpoint(): Checkpoint {
    this.#mustBeOpen();
    const { id } = this.#checkpoints.add();
    this.#host.send({ type: "checkpoint", conversation: this.#id, checkpoint: id });
    return { id };
  }

  rollback(to: Checkpoint): void {
    this.#mustBeOpen();
    this.#checkpoints.goBackTo(to);
    this.#host.send({ type: "rollback", conversation: this.#id, checkpoint: to.id });
  }

  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent> {
    let call: CallId | undefined;
    const isEnd = (event: GenerateEvent) => event.type === "end";
    const abort = () => {
      // The child says a token or two more before it hears of it; nobody wants them.
      stream.drop(isEnd);
      if (call !== undefined) this.#host.send({ type: "abort", call });
    };
    let onSettled = () => {};
    const settled = new Promise<void>((resolve) => {
      onSettled = resolve;
    });
    const stream = createEventStream<GenerateEvent>(() => {
      abort();
      return settled;
    });
    if (this.#life.state === "over") {
      stream.fail(this.#life.error);
      return stream;
    }
    this.#streams.add(stream);
    const settle = () => {
      signal.removeEventListener("abort", abort);
      this.#streams.delete(stream);
      onSettled();
    };
    call = this.#host.call((id) => ({ type: "generate", conversation: this.#id, call: id, request }), {
      onEvent: (event) => {
        if (!signal.aborted || isEnd(event)) stream.push(event);
      },
      onDone: () => {
        stream.end();
        settle();
      },
      onFailed: (error) => {
        stream.fail(error);
        settle();
      },
    });
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    return stream;
  }

  close(): Promise<void> {
    if (this.#life.state === "open") {
      this.#host.send({ type: "close", conversation: this.#id });
      this.fail(new AloudError("engine_unavailable", "the conversation is closed"));
    }
    return Promise.resolve();
  }

  /** Ends the conversation from the engine's side: running streams and later calls fail with `error`. */
  fail(error: AloudError): void {
    if (this.#life.state === "over") return;
    this.#life = { state: "over", error };
    for (const stream of [...this.#streams]) stream.fail(error);
    this.#host.onClosed();
  }

  #mustBeOpen(): void {
    if (this.#life.state === "over") throw this.#life.error;
  }
}
