/** What clients ask of responses: one in the conversation, which the turn decides about, or others beside it. */
import { AloudError, type ClientEvent, type Dialect, type ResponseParams, type SessionConfig } from "@aloud/client/protocol";
import type { ConversationSetup, Engine } from "@aloud/engine";
import type { Clock } from "./clock.ts";
import type { History } from "./history.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { Answer } from "./turn/answer.ts";
import { Asides } from "./turn/asides.ts";
import type { Performer } from "./turn/perform.ts";
import { type ResponseSettings, responseSettings, setupOf } from "./turn/settings.ts";
import type { TurnEvent } from "./turn/turn.ts";
import type { Send } from "./wire/outlet.ts";

export interface ResponsesOptions {
  readonly clock: Clock;
  readonly dialect: Dialect;
  readonly engine: Engine;
  /** Whose conversations they are. */
  readonly owner: Pick<ConversationSetup, "sessionId" | "tenant">;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly history: History;
  readonly performer: Performer;
  readonly config: () => SessionConfig;
  readonly send: Send;
  readonly dispatch: (event: TurnEvent) => void;
}

type Request = Extract<ClientEvent, { type: "response.create" | "response.cancel" }>;

export class Responses {
  readonly #options: ResponsesOptions;
  readonly #asides: Asides;

  constructor(options: ResponsesOptions) {
    this.#options = options;
    this.#asides = new Asides(options.engine);
  }

  /** @throws AloudError and then nothing has changed */
  handle(request: Request): void {
    if (request.type === "response.create") this.#create(request.response ?? {}, request.event_id);
    else this.#cancel(request.response_id, request.event_id);
  }

  close(): void {
    this.#asides.close();
  }

  #create(params: ResponseParams, eventId: string | undefined): void {
    const { clock, config, history, performer, dispatch } = this.#options;
    const settings = responseSettings(config(), params, (id) => history.find(id));
    if (params.conversation === "none") {
      this.#startAside(settings);
      return;
    }
    const context = settings.own === undefined ? "session" : "own";
    performer.withSettings(settings, () => dispatch({ type: "response-asked", at: clock.now(), context, eventId }));
  }

  #startAside(settings: ResponseSettings): void {
    const { owner, clock, config, history } = this.#options;
    this.#asides.mustHaveRoom();
    const origin = { type: "request", at: clock.now() } as const;
    const answer = new Answer({ ...this.#options, conversationId: null, settings, origin, announce: () => null });
    this.#asides.start(answer, { ...owner, ...setupOf(config()), items: history.toEngine(), ...settings.own }, settings.request);
  }

  #cancel(responseId: string | null | undefined, eventId: string | undefined): void {
    const { performer, dispatch } = this.#options;
    if (responseId != null && responseId !== performer.responseId()) {
      if (this.#asides.cancel(responseId)) return;
      throw new AloudError("response_cancel_not_active", "Cancellation failed: response_id names no response that is being created", {
        param: "response_id",
      });
    }
    dispatch({ type: "cancel-asked", eventId });
  }
}
