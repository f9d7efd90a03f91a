/**
 * The turn as a pure function: one event in, the next turn and the work to do out. Synchronous and total; it reads no clock and
 * waits for nothing. Whatever comes from outside carries its turn or generation, and what is stale is dropped before anything else.
 */
import { MAX_HELD_DELTAS } from "../limits.ts";
import { onInput, settle } from "./endpoint.ts";
import type { Policy } from "./policy.ts";
import { afterAnswer, onCancelAsked, onClearAsked, onCommitAsked, onIdlePassed, onResponseAsked, stopAnswer } from "./requests.ts";
import { NO_DRAFT, retraction, step, unreachable } from "./step.ts";
import type { Answering, AudioMs, Command, Draft, Listening, Pausing, Step, Turn, TurnEvent } from "./turn.ts";

export function reduce(turn: Turn, event: TurnEvent, policy: Policy): Step {
  if (isStale(turn, event)) return step(turn);
  const next = dispatch(turn, event, policy);
  const isOver = next.turn.phase === "idle" && next.commands.some((command) => command.do === "end-response");
  if (!isOver || policy.idleTimeoutMs === undefined) return next;
  const { turnId, generation } = next.turn;
  return step(next.turn, ...next.commands, { do: "start-idle-timer", turnId, after: generation, afterMs: policy.idleTimeoutMs });
}

function dispatch(turn: Turn, event: TurnEvent, policy: Policy): Step {
  switch (event.type) {
    case "speech-started":
      return onSpeechStarted(turn, event.startMs, policy);
    case "speech-stopped":
    case "audio-passed":
    case "audio-stalled":
    case "vad-lost":
    case "heard":
      return onInput(turn, event, policy);
    case "transcribed":
    case "output":
    case "generated":
    case "generation-failed":
      return onGeneration(turn, event, policy);
    case "commit-asked":
      return onCommitAsked(turn, event);
    case "clear-asked":
      return onClearAsked(turn);
    case "response-asked":
      return onResponseAsked(turn, event);
    case "cancel-asked":
      return onCancelAsked(turn, event.eventId);
    case "idle-passed":
      return onIdlePassed(turn, event, policy);
    default:
      return unreachable(event);
  }
}

function isStale(turn: Turn, event: TurnEvent): boolean {
  if ("turnId" in event) return event.turnId !== turn.turnId;
  if ("generation" in event) return event.generation !== currentGeneration(turn);
  return false;
}

/** The generation whose output is awaited, if any. */
function currentGeneration(turn: Turn): number | undefined {
  if (turn.phase === "answering") return turn.answer;
  if (turn.phase === "pausing" && turn.draft.state !== "none") return turn.draft.generation;
  return undefined;
}

function onSpeechStarted(turn: Turn, startMs: AudioMs, policy: Policy): Step {
  switch (turn.phase) {
    case "idle":
      return open(turn, startMs);
    case "listening":
      return step(turn);
    case "pausing": {
      const taken = retraction(turn);
      if (turn.endpoint.state === "passed") {
        const opened = open(turn, startMs);
        return step(opened.turn, ...taken, { do: "settle-input", turnId: turn.turnId }, ...opened.commands);
      }
      return step(resumed(turn), ...taken, { do: "release-held", turnId: turn.turnId });
    }
    case "answering": {
      if (turn.next !== undefined) {
        if (turn.next.phase === "listening") return step(turn);
        return step({ ...turn, next: resumed(turn.next) }, { do: "release-held", turnId: turn.turnId });
      }
      const opened = open(turn, startMs);
      if (!policy.interruptResponse) return step({ ...turn, turnId: opened.turn.turnId, next: opened.turn }, ...opened.commands);
      return step(opened.turn, ...opened.commands, ...stopAnswer(turn.answer, "turn_detected"));
    }
    default:
      return unreachable(turn);
  }
}

function open({ turnId, generation }: Turn, startMs: AudioMs): { turn: Listening; commands: Command[] } {
  const turn: Listening = {
    phase: "listening",
    turnId: turnId + 1,
    generation,
    startMs,
    voice: { windows: 0, probabilitySum: 0 },
    words: "unknown",
    endOfTurn: undefined,
  };
  return { turn, commands: [{ do: "open", turnId: turn.turnId, startMs }] };
}

function resumed({ turnId, generation, startMs, voice, words, endOfTurn }: Pausing): Listening {
  return { phase: "listening", turnId, generation, startMs, voice, words, endOfTurn };
}

type GenerationEvent = Extract<TurnEvent, { generation: number }>;

function onGeneration(turn: Turn, event: GenerationEvent, policy: Policy): Step {
  if (turn.phase === "answering") return onAnswering(turn, event);
  if (turn.phase === "pausing" && turn.draft.state === "running") return onDraft(turn, turn.draft, event, policy);
  return step(turn);
}

function onAnswering(turn: Answering, event: GenerationEvent): Step {
  const generation = turn.answer;
  switch (event.type) {
    case "transcribed":
      return step(turn);
    case "output":
      return step(turn, { do: "send-output", generation, at: event.at, output: event.output });
    case "generated":
      return step(afterAnswer(turn), { do: "end-response", generation, outcome: { status: "ended", end: event.end } });
    case "generation-failed":
      return step(afterAnswer(turn), { do: "end-response", generation, outcome: { status: "failed", error: event.error } });
    default:
      return unreachable(event);
  }
}

function onDraft(turn: Pausing, draft: Extract<Draft, { state: "running" }>, event: GenerationEvent, policy: Policy): Step {
  switch (event.type) {
    case "transcribed":
      return settle({ ...turn, words: event.words, draft: { ...draft, transcript: "final" } }, policy);
    case "output": {
      // Held deltas are bounded: an answer that ran this far ahead is begun again at the endpoint.
      if (draft.held.length >= MAX_HELD_DELTAS && turn.endpoint.state === "ahead")
        return step({ ...turn, draft: NO_DRAFT }, { do: "retract", turnId: turn.turnId, generation: draft.generation });
      const held = [...draft.held, event.output];
      return settle({ ...turn, draft: { ...draft, held } }, policy);
    }
    case "generated":
      return settle({ ...turn, draft: { ...draft, state: "ended", end: event.end } }, policy);
    case "generation-failed":
      return settle({ ...turn, draft: { state: "failed", generation: draft.generation, error: event.error } }, policy);
    default:
      return unreachable(event);
  }
}
