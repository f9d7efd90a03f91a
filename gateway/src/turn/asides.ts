/**
 * Answers outside the conversation (`response.create` with `conversation: "none"`): each on a conversation of its own with the engine,
 * beside whatever else goes on. They leave nothing behind, and nobody's speech interrupts them.
 */
import { AloudError } from "@aloud/client/protocol";
import type { ConversationSetup, Engine } from "@aloud/engine";
import { MAX_ASIDES } from "../limits.ts";
import type { Answer } from "./answer.ts";
import { type AnswerRequest, generateWithin, outputOf } from "./generation.ts";
import type { Outcome } from "./turn.ts";

interface Aside {
  readonly answer: Answer;
  readonly abort: AbortController;
}

export class Asides {
  readonly #engine: Engine;
  readonly #running = new Map<string, Aside>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws AloudError `engine_busy` when as many run as may; nothing was begun then */
  mustHaveRoom(): void {
    if (this.#running.size >= MAX_ASIDES)
      throw new AloudError("engine_busy", `${MAX_ASIDES} responses outside the conversation run already: wait for one to be done`);
  }

  start(answer: Answer, setup: ConversationSetup, request: AnswerRequest): void {
    const aside = { answer, abort: new AbortController() };
    this.#running.set(answer.id, aside);
    void this.#run(aside, setup, request);
  }

  /** @returns whether there was such a response */
  cancel(responseId: string): boolean {
    const aside = this.#running.get(responseId);
    if (aside !== undefined) this.#end(aside, { status: "cancelled", reason: "client_cancelled" });
    return aside !== undefined;
  }

  /** Nothing is said any more. Idempotent. */
  close(): void {
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  async #run(aside: Aside, setup: ConversationSetup, request: AnswerRequest): Promise<void> {
    const { answer, abort } = aside;
    const { signal } = abort;
    try {
      const conversation = await this.#engine.open(setup);
      try {
        for await (const event of signal.aborted ? [] : generateWithin(conversation, request, signal)) {
          if (signal.aborted) continue;
          if (event.type === "delta") answer.push(outputOf(event));
          else if (event.type === "tool_call") answer.push({ call: { name: event.name, arguments: event.arguments } });
          else if (event.type === "end") this.#end(aside, { status: "ended", end: event.end });
        }
      } finally {
        await conversation.close();
      }
    } catch (thrown) {
      this.#end(aside, { status: "failed", error: AloudError.from(thrown) });
    }
  }

  /** Once; what comes later is nobody's. */
  #end({ answer, abort }: Aside, outcome: Outcome): void {
    if (!this.#running.delete(answer.id)) return;
    abort.abort();
    answer.finish(outcome);
  }
}
