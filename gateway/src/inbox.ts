/**
 * The order of a session's messages. A commit means all the audio before it, and the VAD takes its time: what comes behind such a
 * message waits here, so that nothing overtakes. As long as nothing waits, audio passes through without a copy.
 */
import { AloudError, type ClientEvent, eventIdOf, parseClientEvent } from "@aloud/client/protocol";
import { MAX_QUEUED_MESSAGES } from "./limits.ts";

export interface InboxOptions {
  readonly onEvent: (event: ClientEvent) => void;
  /** The bytes are valid during the call only. */
  readonly onPacket: (bytes: Uint8Array) => void;
  readonly onError: (error: AloudError, eventId: string | undefined) => void;
  /** Resolves once all audio so far has been looked at. */
  readonly drained: () => Promise<void>;
  /** Brings out what has not filled a window yet. */
  readonly flush: () => void;
}

type Message = { readonly type: "text"; readonly text: string } | { readonly type: "packet"; readonly bytes: Uint8Array };

/** Events that mean the audio sent before them. */
const NEEDS_AUDIO: ReadonlySet<ClientEvent["type"]> = new Set([
  "input_audio_buffer.commit",
  "input_audio_buffer.clear",
  "response.create",
  "session.update",
]);

export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting: Message[] = [];
  #state: "idle" | "reading" | "closed" = "idle";

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  text(text: string): void {
    this.#receive({ type: "text", text });
  }

  packet(bytes: Uint8Array): void {
    if (this.#state === "idle") this.#options.onPacket(bytes);
    else this.#receive({ type: "packet", bytes: bytes.slice() });
  }

  /** Nothing is handled any more. Idempotent. */
  close(): void {
    this.#state = "closed";
    this.#waiting.length = 0;
  }

  #receive(message: Message): void {
    if (this.#state === "closed") return;
    if (this.#waiting.length >= MAX_QUEUED_MESSAGES) {
      this.#options.onError(new AloudError("rate_limited", `more than ${MAX_QUEUED_MESSAGES} messages wait to be handled`), undefined);
      return;
    }
    this.#waiting.push(message);
    if (this.#state === "idle") void this.#read();
  }

  async #read(): Promise<void> {
    this.#state = "reading";
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      if (message.type === "packet") this.#options.onPacket(message.bytes);
      else await this.#handle(message.text);
    }
    if (this.#state === "reading") this.#state = "idle";
  }

  async #handle(text: string): Promise<void> {
    const { onEvent, onError, drained, flush } = this.#options;
    let event: ClientEvent | undefined;
    try {
      event = parseClientEvent(text);
      if (NEEDS_AUDIO.has(event.type)) await drained();
      if (event.type === "input_audio_buffer.commit") {
        flush();
        await drained();
      }
      if (this.#state === "reading") onEvent(event);
    } catch (error) {
      onError(AloudError.from(error), event === undefined ? eventIdOf(text) : event.event_id);
    }
  }
}
