/**
 * Carries out the reducer's commands: on the engine (`Dialogue`), on the wire (`ResponseWriter`, `Inputs`) and on the audio path
 * (`Ear`). Decides nothing about turns. Every command is carried out synchronously; what takes time comes back as an event.
 */
import { AloudError, type Dialect, type ResponseParams, type SessionConfig, type TurnTiming } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import type { History } from "../history.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Send } from "../wire/outlet.ts";
import { ResponseWriter } from "../wire/response.ts";
import type { Dialogue, DialogueEvent } from "./dialogue.ts";
import { wordsOf } from "./dialogue.ts";
import type { Ear } from "./ear.ts";
import { budgetFor } from "./generation.ts";
import type { Inputs } from "./input.ts";
import { unreachable } from "./step.ts";
import type { Command, GenerationId, Origin, Outcome, TurnEvent, Words } from "./turn.ts";

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
}

interface ActiveResponse {
  readonly generation: GenerationId;
  readonly writer: ResponseWriter;
  readonly origin: Origin;
  firstThoughtAt: number | undefined;
  firstAnswerAt: number | undefined;
}

export class Performer {
  readonly #options: PerformerOptions;
  /** Items that the model has, as audio or text, in the turn that is open: a new conversation gets them from the dialogue. */
  readonly #unanswered = new Set<string>();
  #response: ActiveResponse | undefined;
  #params: ResponseParams = {};
  #cancelTimer: () => void = () => {};
  #engine: "answering" | "lost" = "answering";

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** Overrides for the response that the next event asks for. Call without parameters after it. */
  setParams(params: ResponseParams = {}): void {
    this.#params = params;
  }

  unanswered(): ReadonlySet<string> {
    return this.#unanswered;
  }

  addUnanswered(itemId: string): void {
    this.#unanswered.add(itemId);
  }

  /** The response that is being sent. */
  responseId(): string | undefined {
    return this.#response?.writer.id;
  }

  perform(command: Command): void {
    const { send, dialogue, ear, inputs, clock, dispatch, refuse, config } = this.#options;
    switch (command.do) {
      case "open": {
        const beginMs = ear.beginMs(command.startMs);
        send({ type: "input_audio_buffer.speech_started", item_id: inputs.itemId(command.turnId), audio_start_ms: Math.round(beginMs) });
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
        const { reasoningEffort, maxOutputTokens } = config();
        const effort = this.#params.reasoning?.effort ?? reasoningEffort;
        const budget = budgetFor(effort, this.#params.max_output_tokens ?? maxOutputTokens);
        dialogue.generate({
          generation: command.generation,
          turnId: command.turnId,
          mode: effort === "none" ? "direct" : "think",
          budget,
        });
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
        this.#begin(command.generation, command.origin);
        return;
      case "send-delta":
        this.#delta(command);
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
      case "delta":
        dispatch({ type: "delta", at, generation: event.generation, channel: event.channel, text: event.text });
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
  }

  #begin(generation: GenerationId, origin: Origin): void {
    const { dialect, conversationId, config, send, history, dialogue } = this.#options;
    const { instructions, metadata, max_output_tokens } = this.#params;
    if (instructions) dialogue.say({ type: "text", role: "system", text: instructions });
    const writer = new ResponseWriter({
      dialect,
      conversationId,
      maxOutputTokens: max_output_tokens ?? config().maxOutputTokens,
      metadata: metadata ?? null,
      send,
      announce: (item) => history.append(item),
    });
    this.#response = { generation, writer, origin, firstThoughtAt: undefined, firstAnswerAt: undefined };
  }

  #delta({ channel, text }: Extract<Command, { do: "send-delta" }>): void {
    const response = this.#response;
    if (response === undefined) return;
    const now = this.#options.clock.now();
    if (response.firstThoughtAt === undefined && response.firstAnswerAt === undefined)
      this.#options.metrics.firstDelta.observe((now - startOf(response.origin)) / 1_000);
    if (channel === "answer") response.firstAnswerAt ??= now;
    else response.firstThoughtAt ??= now;
    response.writer.delta(channel, text);
  }

  #end(outcome: Outcome): void {
    const { history, dialogue, inputs, metrics, logger } = this.#options;
    const response = this.#response;
    if (response === undefined) return;
    this.#response = undefined;
    const timing = this.#timing(response, outcome);
    const message = response.writer.finish(outcome, timing);
    if (message) history.replace(message);
    const status = outcome.status === "ended" ? outcome.end.reason : outcome.status;
    metrics.responses.inc({ status });
    const code = outcome.status === "failed" ? outcome.error.code : undefined;
    logger.info({ response: response.writer.id, status, code, ...timing }, "response done");
    inputs.settleCommitted();
    // A turn that failed before anything was said is still open: another response.create answers it.
    if (outcome.status === "failed" && response.firstThoughtAt === undefined && response.firstAnswerAt === undefined) return;
    this.#unanswered.clear();
    dialogue.settle();
  }

  #timing({ origin, firstThoughtAt, firstAnswerAt }: ActiveResponse, outcome: Outcome): TurnTiming {
    const since = startOf(origin);
    const ms = (at: number) => Math.round(at - since);
    return {
      ...(origin.type === "speech" && { endpoint_ms: ms(origin.endpointAt) }),
      ...(firstThoughtAt !== undefined && { first_thought_ms: ms(firstThoughtAt) }),
      ...(firstAnswerAt !== undefined && { first_answer_ms: ms(firstAnswerAt) }),
      done_ms: ms(this.#options.clock.now()),
      prefilled_tokens: outcome.status === "ended" ? outcome.end.usage.prefilledTokens : 0,
      speculated: origin.type === "speech" && origin.start === "speculated",
    };
  }
}

function startOf(origin: Origin): number {
  return origin.type === "speech" ? origin.stoppedAt : origin.at;
}

function wordsIn(text: string | undefined): Words {
  if (text === undefined) return "unknown";
  return /[\p{L}\p{N}]/u.test(text) ? "some" : "none";
}
