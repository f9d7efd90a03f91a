/**
 * Carries out the reducer's commands: on the engine (`Dialogue`), on the wire (`ResponseWriter`, `Inputs`) and on the audio path
 * (`Ear`). Decides nothing about turns. Every command is carried out synchronously; what takes time comes back as an event.
 */
import { AloudError, type Dialect, type SessionConfig } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import type { History } from "../history.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Send } from "../wire/outlet.ts";
import { Answer } from "./answer.ts";
import type { Dialogue, DialogueEvent } from "./dialogue.ts";
import { wordsOf } from "./dialogue.ts";
import type { Ear } from "./ear.ts";
import type { Inputs } from "./input.ts";
import { type ResponseSettings, responseSettings } from "./settings.ts";
import { unreachable } from "./step.ts";
import type { Command, GenerationEnd, Origin, Outcome, TurnEvent, Words } from "./turn.ts";

export interface PerformerOptions {
  readonly clock: Clock;
  readonly dialect: Dialect;
  readonly conversationId: string;
  readonly config: () => SessionConfig;
  readonly dialogue: Dialogue;
  readonly ear: Ear;
  readonly inputs: Inputs;
  readonly history: History;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly send: Send;
  readonly refuse: (error: AloudError, eventId: string | undefined) => void;
  readonly dispatch: (event: TurnEvent) => void;
  /** Milliseconds of audio since the session began. */
  readonly audioMs: () => number;
  /** Why the conversation can not be answered as it is; undefined when it can. */
  readonly obstacle: () => AloudError | undefined;
  /** An answer ended by itself. */
  readonly onAnswered: (end: GenerationEnd) => void;
}

interface Answering {
  readonly answer: Answer;
  /** Items that it answers. */
  readonly items: readonly string[];
}

export class Performer {
  readonly #options: PerformerOptions;
  /** Items that the model has, as audio or text, in the turn that is open: a new conversation gets them from the dialogue. */
  readonly #unanswered = new Set<string>();
  #answering: Answering | undefined;
  #settings: ResponseSettings | undefined;
  #cancelTimer: () => void = () => {};
  #cancelIdleTimer: () => void = () => {};
  /** Audio time at which the silence began after which the model speaks up. */
  #silentSinceMs = 0;
  #engine: "answering" | "lost" = "answering";

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** The response that is asked for within `ask` is made with these settings, every other one with the session's. */
  withSettings(settings: ResponseSettings, ask: () => void): void {
    this.#settings = settings;
    ask();
    this.#settings = undefined;
  }

  unanswered(): ReadonlySet<string> {
    return this.#unanswered;
  }

  addUnanswered(itemId: string): void {
    this.#unanswered.add(itemId);
  }

  removeUnanswered(itemId: string): void {
    this.#unanswered.delete(itemId);
  }

  /** The response that is being sent. */
  responseId(): string | undefined {
    return this.#answering?.answer.id;
  }

  perform(command: Command): void {
    const { send, dialogue, ear, inputs, clock, dispatch, refuse, config } = this.#options;
    switch (command.do) {
      case "open": {
        const beginMs = ear.beginMs(command.startMs);
        send({ type: "input_audio_buffer.speech_started", item_id: inputs.begin(command.turnId), audio_start_ms: Math.round(beginMs) });
        dialogue.begin(command.turnId);
        ear.open(beginMs);
        return;
      }
      case "release-held":
        ear.release();
        return;
      case "commit": {
        ear.dropHeld();
        this.#cancelTimer();
        const item_id = inputs.itemId(command.turnId);
        if (command.endMs !== undefined)
          send({ type: "input_audio_buffer.speech_stopped", item_id, audio_end_ms: Math.round(command.endMs) });
        this.#unanswered.add(inputs.commit(command.turnId));
        return;
      }
      case "forget":
        ear.dropHeld();
        this.#cancelTimer();
        dialogue.forget();
        this.#unanswered.delete(inputs.itemId(command.turnId));
        inputs.settle(command.turnId, "");
        inputs.discard(command.turnId);
        return;
      case "settle-input":
        inputs.settle(command.turnId, undefined);
        return;
      case "transcribe":
        config().transcription === null ? undefined : dialogue.transcribe(command.turnId);
        return;
      case "generate": {
        const { generation, turnId } = command;
        const error = this.#options.obstacle();
        const { request, own } = this.#currentSettings();
        if (error !== undefined) dispatch({ type: "generation-failed", at: clock.now(), generation, error });
        else dialogue.generate({ ...request, generation, turnId, own });
        return;
      }
      case "retract":
        inputs.unsettle(command.turnId);
        dialogue.retract(command.generation);
        return;
      case "abort":
        dialogue.abort(command.generation);
        return;
      case "begin-response":
        this.#begin(command.origin);
        return;
      case "send-output":
        this.#answering?.answer.push(command.output);
        return;
      case "end-response":
        this.#end(command.outcome);
        return;
      case "start-timer": {
        const { turnId, stoppedMs, afterMs } = command;
        this.#cancelTimer();
        this.#cancelTimer = clock.after(afterMs, () => dispatch({ type: "audio-stalled", at: clock.now(), turnId, stoppedMs }));
        return;
      }
      case "start-idle-timer": {
        const { turnId, after, afterMs } = command;
        this.#silentSinceMs = this.#options.audioMs();
        this.#cancelIdleTimer();
        this.#cancelIdleTimer = clock.after(afterMs, () => dispatch({ type: "idle-passed", at: clock.now(), turnId, after }));
        return;
      }
      case "time-out": {
        const item_id = inputs.itemId(command.turnId);
        const audio_start_ms = Math.round(this.#silentSinceMs);
        send({
          type: "input_audio_buffer.timeout_triggered",
          item_id,
          audio_start_ms,
          audio_end_ms: Math.round(this.#options.audioMs()),
        });
        dialogue.begin(command.turnId);
        for (const samples of ear.takeSilence()) dialogue.hear(samples, item_id);
        this.#unanswered.add(inputs.commit(command.turnId));
        return;
      }
      case "cut-speech":
        ear.cut();
        return;
      case "refuse":
        refuse(new AloudError(command.code, command.message), command.eventId);
        return;
      default:
        unreachable(command);
    }
  }

  /** What the engine says becomes events of the turn, and the user's words on the wire. */
  onDialogue(event: DialogueEvent): void {
    const { dispatch, inputs, clock, refuse } = this.#options;
    const at = clock.now();
    switch (event.type) {
      case "prefilled": {
        this.#engine = "answering";
        inputs.grow(event.turnId, event.prefilled);
        const { endOfTurn } = event.prefilled;
        dispatch({ type: "heard", turnId: event.turnId, words: wordsIn(wordsOf(event.prefilled)), endOfTurn });
        return;
      }
      case "transcript":
        inputs.settle(event.turnId, event.text);
        dispatch({ type: "transcribed", at, generation: event.generation, words: wordsIn(event.text) });
        return;
      case "output":
        dispatch({ type: "output", at, generation: event.generation, output: event.output });
        return;
      case "generated":
        dispatch({ type: "generated", at, generation: event.generation, end: event.end });
        return;
      case "failed":
        dispatch({ type: "generation-failed", at, generation: event.generation, error: event.error });
        return;
      case "transcribed":
        inputs.settle(event.turnId, event.text);
        return;
      case "lost":
        // Said once, not for each piece of audio that finds nobody.
        if (this.#engine === "answering") refuse(event.error, undefined);
        this.#engine = "lost";
        return;
      default:
        unreachable(event);
    }
  }

  close(): void {
    this.#cancelTimer();
    this.#cancelIdleTimer();
  }

  #currentSettings(): ResponseSettings {
    return this.#settings ?? responseSettings(this.#options.config(), {}, () => undefined);
  }

  #begin(origin: Origin): void {
    const { history } = this.#options;
    const settings = this.#currentSettings();
    this.#cancelIdleTimer();
    const answer = new Answer({ ...this.#options, settings, origin, announce: (item) => history.append(item) });
    this.#answering = { answer, items: [...this.#unanswered] };
  }

  #end(outcome: Outcome): void {
    const { history, dialogue, inputs, onAnswered } = this.#options;
    const answering = this.#answering;
    if (answering === undefined) return;
    this.#answering = undefined;
    const { message, isUnsaid, hasDroppedCalls } = answering.answer.finish(outcome);
    if (message) history.replace(message);
    inputs.settleCommitted();
    // A turn that failed before anything was said is still open: another response.create answers it.
    if (isUnsaid) return;
    // What the client added while the answer was made is not answered by it.
    for (const id of answering.items) this.#unanswered.delete(id);
    dialogue.settle();
    if (hasDroppedCalls) dialogue.reopen();
    if (outcome.status === "ended") onAnswered(outcome.end);
  }
}

function wordsIn(text: string | undefined): Words {
  if (text === undefined) return "unknown";
  return /[\p{L}\p{N}]/u.test(text) ? "some" : "none";
}
