/**
 * One session: the shell around the turn. Messages come in, become events, are reduced, and the commands are performed. It owns the
 * session's settings and the `Turn`, and is the one place that decides what an error costs.
 */
import {
  AloudError,
  applySessionPatch,
  type ClientEvent,
  type Dialect,
  decodeAudioPacket,
  defaultSession,
  type SessionConfig,
  type SessionPatch,
} from "@aloud/client/protocol";
import type { Engine } from "@aloud/engine";
import { AudioAck } from "./audio/ack.ts";
import type { DecoderPool } from "./audio/decoder-pool.ts";
import { Intake, type ScoredWindow } from "./audio/intake.ts";
import { decodeAudio, decodeBase64 } from "./audio/pcm.ts";
import type { Clock } from "./clock.ts";
import type { GatewayConfig } from "./config.ts";
import { History } from "./history.ts";
import { Inbox } from "./inbox.ts";
import { Items } from "./items.ts";
import { ERROR_BURST, ERRORS_PER_SECOND } from "./limits.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { Responses } from "./responses.ts";
import type { Connection, ConnectionHandlers } from "./socket.ts";
import { TokenBucket } from "./token-bucket.ts";
import { Dialogue } from "./turn/dialogue.ts";
import { Ear } from "./turn/ear.ts";
import { Floor } from "./turn/floor.ts";
import { Inputs } from "./turn/input.ts";
import { Memory } from "./turn/memory.ts";
import { Performer } from "./turn/perform.ts";
import { type Policy, policyFor } from "./turn/policy.ts";
import { checkSchemas, setupOf } from "./turn/settings.ts";
import { unreachable } from "./turn/step.ts";
import type { TurnEvent } from "./turn/turn.ts";
import type { Vad } from "./vad/vad.ts";
import { watchEngine } from "./wire/engine-status.ts";
import { newId } from "./wire/ids.ts";
import { createOutlet, type Send } from "./wire/outlet.ts";
import { errorBody, sessionObject } from "./wire/session-object.ts";

export interface SessionDeps {
  readonly config: GatewayConfig;
  readonly engine: Engine;
  readonly vad: Vad;
  readonly decoders: DecoderPool;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface SessionOptions extends SessionDeps {
  readonly connection: Connection;
  readonly dialect: Dialect;
  /** The id of the key that it was opened with, also by a client secret; undefined on a server without keys. */
  readonly tenant?: string | undefined;
  /** Settings that the session starts with, from its client secret. Already found good for this dialect. */
  readonly initial?: SessionPatch | undefined;
  readonly onEnded: () => void;
}

type Life = { readonly state: "open" } | { readonly state: "draining"; readonly drained: () => void } | { readonly state: "ended" };

export class Session implements ConnectionHandlers {
  readonly id = newId("sess");
  readonly #options: SessionOptions;
  readonly #logger: Logger;
  readonly #send: Send;
  readonly #history = new History();
  readonly #floor: Floor;
  readonly #inbox: Inbox;
  readonly #intake: Intake;
  readonly #ear: Ear;
  readonly #inputs: Inputs;
  readonly #dialogue: Dialogue;
  readonly #memory: Memory;
  readonly #performer: Performer;
  readonly #items: Items;
  readonly #responses: Responses;
  readonly #ack: AudioAck;
  readonly #errors: TokenBucket;
  readonly #expiresAt: number;
  readonly #stopWatching: () => void;
  #settings: SessionConfig;
  #policy: Policy;
  #life: Life = { state: "open" };
  #lastSeq = -1;

  constructor(options: SessionOptions) {
    const { engine, vad, decoders, clock, dialect, connection, metrics, tenant } = options;
    this.#options = options;
    this.#logger = options.logger.child({ session: this.id });
    this.#send = createOutlet(dialect, (json) => connection.send(json));
    this.#expiresAt = Math.floor((clock.unixMs() + options.config.maxSessionMs) / 1_000);
    this.#settings = applySessionPatch(defaultSession(engine.info.model), options.initial ?? {}, dialect);
    this.#policy = policyFor(this.#settings, options.config);
    this.#errors = new TokenBucket(ERROR_BURST, ERRORS_PER_SECOND, clock);
    this.#ack = new AudioAck(clock, (audio_seq) => this.#send({ type: "aloud.ack", audio_seq }));
    this.#floor = new Floor({
      policy: () => this.#policy,
      perform: (command) => this.#performer.perform(command),
      onSettled: ({ phase }) => {
        if (this.#life.state === "draining" && phase === "idle") this.#life.drained();
      },
      logger: this.#logger,
    });
    const turn = () => this.#floor.turn;
    const dispatch = (event: TurnEvent) => this.#floor.dispatch(event);
    this.#inputs = new Inputs({
      dialect,
      history: this.#history,
      send: this.#send,
      transcribes: () => this.#settings.transcription !== null,
    });
    this.#ear = new Ear({ clock, turn, dispatch, hear: (samples) => this.#hear(samples) });
    this.#inbox = new Inbox({
      onEvent: (event) => this.#handle(event),
      onPacket: (bytes) => this.#takePacket(bytes),
      onError: (error, eventId) => this.#fail(error, eventId),
      drained: () => this.#intake.drained(),
      flush: () => this.#intake.flush(),
    });
    this.#intake = new Intake({
      vad,
      decoders,
      clock,
      deliver: (window) => this.#take(window),
      fail: (error) => this.#fail(error, undefined),
    });
    const owner = { sessionId: this.id, ...(tenant !== undefined && { tenant }) };
    this.#dialogue = new Dialogue({
      engine,
      setup: () => ({ ...owner, ...setupOf(this.#settings), items: this.#history.toEngine(this.#performer.unanswered()) }),
      report: (event) => this.#performer.onDialogue(event),
    });
    const shared = {
      clock,
      dialect,
      engine,
      metrics,
      logger: this.#logger,
      send: this.#send,
      history: this.#history,
      inputs: this.#inputs,
      dialogue: this.#dialogue,
      config: () => this.#settings,
      dispatch,
    };
    this.#memory = new Memory({ ...shared, info: engine.info });
    this.#performer = new Performer({
      ...shared,
      conversationId: newId("conv"),
      ear: this.#ear,
      refuse: (error, eventId) => this.#fail(error, eventId),
      audioMs: () => this.#intake.nowMs(),
      obstacle: () => this.#memory.obstacle(),
      onAnswered: (end) => this.#memory.onAnswered(end),
    });
    this.#items = new Items({ ...shared, performer: this.#performer, format: () => this.#settings.inputFormat });
    this.#responses = new Responses({ ...shared, owner, performer: this.#performer });
    this.#intake.setFormat(this.#settings.inputFormat);
    this.#intake.setVad(this.#settings.turnDetection === null ? "off" : "on");
    if (this.#settings.turnDetection !== null) this.#ear.configure(this.#settings.turnDetection);
    this.#send({ type: "session.created", session: this.#object() });
    this.#stopWatching = dialect === "aloud" ? watchEngine(engine, this.#send) : () => {};
    this.#logger.info({ dialect }, "session opened");
  }

  onText(text: string): void {
    this.#inbox.text(text);
  }

  onBinary(bytes: Uint8Array): void {
    this.#inbox.packet(bytes);
  }

  /** Says why, and closes. */
  onViolation(error: AloudError): void {
    if (this.#life.state === "ended") return;
    this.#options.metrics.errors.inc({ code: error.code });
    this.#logger.warn({ code: error.code, fate: error.row.fate }, "session closing");
    this.#send({ type: "error", error: errorBody(error, undefined) });
    this.#options.connection.close(error.row.closeCode ?? 1011, error.code);
    this.#end();
  }

  onClosed(code: number): void {
    this.#logger.info({ code }, "session closed");
    this.#end();
    this.#options.onEnded();
  }

  /** Resolves once no turn is running. New ones can still begin; the caller's patience bounds it. */
  drained(): Promise<void> {
    if (this.#floor.turn.phase === "idle" || this.#life.state === "ended") return Promise.resolve();
    return new Promise((resolve) => {
      this.#life = { state: "draining", drained: resolve };
    });
  }

  /** Frees everything that is the session's. Idempotent; the socket is closed by others. */
  #end(): void {
    if (this.#life.state === "ended") return;
    if (this.#life.state === "draining") this.#life.drained();
    this.#life = { state: "ended" };
    this.#inbox.close();
    this.#floor.close();
    this.#stopWatching();
    this.#ack.close();
    this.#performer.close();
    this.#responses.close();
    this.#intake.close();
    this.#dialogue.close().catch((error: unknown) => this.#logger.warn({ err: error }, "conversation did not close"));
  }

  #object() {
    return sessionObject(this.id, this.#settings, this.#expiresAt);
  }

  async #take(window: ScoredWindow): Promise<void> {
    if (this.#settings.turnDetection !== null) return this.#ear.take(window);
    this.#hear(window.samples);
  }

  #hear(samples: Float32Array): void {
    const open = this.#floor.turn.phase === "answering" ? this.#floor.turn.next : this.#floor.turn;
    // Push-to-talk audio belongs to the turn that its commit will make.
    const turnId = this.#settings.turnDetection === null || open === undefined ? this.#floor.turn.turnId + 1 : open.turnId;
    if (this.#settings.turnDetection === null && !this.#inputs.hasAudio(turnId)) this.#dialogue.begin(turnId);
    this.#guard(undefined, () => {
      this.#dialogue.hear(samples, this.#inputs.itemId(turnId));
      this.#inputs.add(turnId, samples.length);
    });
  }

  #takePacket(bytes: Uint8Array): void {
    if (this.#life.state === "ended") return;
    if (this.#options.dialect !== "aloud" || this.#settings.inputFormat.type !== "audio/opus") {
      this.onViolation(
        new AloudError("binary_not_negotiated", "binary messages need the subprotocol aloud.v1 and the input format audio/opus"),
      );
      return;
    }
    this.#guard(undefined, () => {
      const { seq, captureTime48k, packet } = decodeAudioPacket(bytes);
      // A client that is not sure whether a packet arrived sends it again.
      if (seq > this.#lastSeq) {
        this.#lastSeq = seq;
        this.#intake.pushOpus({ packet, captureTime48k });
      }
      this.#ack.received(this.#lastSeq);
    });
  }

  #handle(event: ClientEvent): void {
    if (this.#life.state === "ended") return;
    const at = this.#options.clock.now();
    switch (event.type) {
      case "session.update":
        this.#update(event.session);
        return;
      case "input_audio_buffer.append":
        if (this.#settings.inputFormat.type === "audio/opus") {
          this.#intake.pushOpus({ packet: decodeBase64(event.audio) });
          return;
        }
        this.#intake.pushPcm(decodeAudio(event.audio, this.#settings.inputFormat));
        return;
      case "input_audio_buffer.commit": {
        const buffered = this.#settings.turnDetection === null && this.#inputs.hasAudio(this.#floor.turn.turnId + 1);
        this.#floor.dispatch({ type: "commit-asked", at, buffered, eventId: event.event_id });
        return;
      }
      case "input_audio_buffer.clear":
        this.#clear();
        this.#send({ type: "input_audio_buffer.cleared" });
        return;
      case "conversation.item.create":
      case "conversation.item.retrieve":
      case "conversation.item.delete":
      case "conversation.item.truncate":
        this.#items.handle(event);
        return;
      case "response.create":
      case "response.cancel":
        this.#responses.handle(event);
        return;
      case "aloud.ack":
        return;
      default:
        unreachable(event);
    }
  }

  #update(patch: SessionPatch): void {
    const before = this.#settings;
    const after = applySessionPatch(before, patch, this.#options.dialect);
    checkSchemas(patch.tools, "session.tools");
    if (JSON.stringify(after.inputFormat) !== JSON.stringify(before.inputFormat)) this.#intake.setFormat(after.inputFormat);
    if ((after.turnDetection === null) !== (before.turnDetection === null)) {
      // What was said under the other rules has no end under these.
      this.#clear();
      this.#intake.setVad(after.turnDetection === null ? "off" : "on");
    }
    this.#settings = after;
    if (after.turnDetection !== null) this.#ear.configure(after.turnDetection);
    this.#policy = policyFor(after, this.#options.config);
    if (JSON.stringify(setupOf(after)) !== JSON.stringify(setupOf(before))) this.#dialogue.reopen();
    this.#send({ type: "session.updated", session: this.#object() });
  }

  #clear(): void {
    const turnId = this.#floor.turn.turnId + 1;
    if (this.#settings.turnDetection === null && this.#inputs.hasAudio(turnId)) {
      this.#dialogue.forget();
      this.#inputs.discard(turnId);
    }
    this.#floor.dispatch({ type: "clear-asked" });
  }

  #guard(eventId: string | undefined, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(AloudError.from(error), eventId);
    }
  }

  /** Answers an error, and closes after too many that are the client's own doing. */
  #fail(error: AloudError, eventId: string | undefined): void {
    if (this.#life.state === "ended") return;
    if (error.code === "internal_error") this.#logger.error({ err: error.cause }, "unexpected error");
    if (error.row.fate !== "failure") {
      this.onViolation(error);
      return;
    }
    this.#options.metrics.errors.inc({ code: error.code });
    if (error.row.wireType === "invalid_request_error" && !this.#errors.take()) {
      this.onViolation(new AloudError("too_many_errors", `more than ${ERROR_BURST} errors in a row; the last was ${error.code}`));
      return;
    }
    this.#send({ type: "error", error: errorBody(error, eventId) });
  }
}
