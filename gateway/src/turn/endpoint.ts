/**
 * From speech to the end of the turn: when a pause is one, when the answer is begun, and when it may be sent. Part of the reducer:
 * pure, synchronous, total.
 */
import { MAX_HELD_DELTAS } from "../limits.ts";
import { type Policy, silenceMs, verdict } from "./policy.ts";
import { idle, NO_DRAFT, retraction, step, unreachable } from "./step.ts";
import type { Answering, AudioMs, Command, Listening, Output, Pausing, Step, Turn, TurnEvent, Words } from "./turn.ts";

type InputEvent = Extract<TurnEvent, { type: "speech-stopped" | "audio-passed" | "audio-stalled" | "vad-lost" | "heard" }>;

/** What happens to the turn that is open, whether it has the floor or is spoken over an answer. */
export function onInput(turn: Turn, event: InputEvent, policy: Policy): Step {
  switch (turn.phase) {
    case "idle":
      return step(turn);
    case "listening":
      return onListening(turn, event, policy, "floor");
    case "pausing":
      return onPausing(turn, event, policy, "floor");
    case "answering": {
      if (turn.next === undefined) return step(turn);
      const { turn: next, commands } =
        turn.next.phase === "listening" ? onListening(turn.next, event, policy, "overlap") : onPausing(turn.next, event, policy, "overlap");
      return step({ ...turn, next: next.phase === "listening" || next.phase === "pausing" ? next : undefined }, ...commands);
    }
    default:
      return unreachable(turn);
  }
}

/** `overlap`: an answer is running, so no other may begin, not even as a draft. */
type Floor = "floor" | "overlap";

function onListening(turn: Listening, event: InputEvent, policy: Policy, floor: Floor): Step {
  switch (event.type) {
    case "speech-stopped": {
      const voice = {
        windows: turn.voice.windows + event.voice.windows,
        probabilitySum: turn.voice.probabilitySum + event.voice.probabilitySum,
      };
      // A model that scores the end of turns needs to hear the pause; then there is nothing to begin an answer from yet.
      const audio = policy.endpoint.type === "semantic" && turn.endOfTurn !== undefined ? "heard" : "held";
      const pausing: Pausing = {
        ...turn,
        phase: "pausing",
        voice,
        stoppedMs: event.endMs,
        stoppedAt: event.endAt,
        audio,
        draft: NO_DRAFT,
        endpoint: { state: "ahead" },
      };
      const timer: Command = { do: "start-timer", turnId: turn.turnId, stoppedMs: event.endMs, afterMs: policy.stallMs };
      if (!policy.speculate || !policy.createResponse || floor === "overlap" || audio === "heard") return step(pausing, timer);
      const drafted = startDraft(pausing);
      return step(drafted.turn, timer, ...drafted.commands);
    }
    case "audio-passed": {
      if (event.audioMs - turn.startMs < policy.maxTurnMs) return step(turn);
      return cut(turn, event.at, event.audioMs, policy, floor);
    }
    case "vad-lost":
      return cut(turn, event.at, undefined, policy, floor);
    case "heard":
      return step({ ...turn, ...heard(turn.words, event) });
    case "audio-stalled":
      return step(turn);
    default:
      return unreachable(event);
  }
}

/** Ends a turn in mid-speech, because it is too long or because nobody can tell any more when it ends. */
function cut(turn: Listening, at: number, audioMs: AudioMs | undefined, policy: Policy, floor: Floor): Step {
  const pausing: Pausing = {
    ...turn,
    phase: "pausing",
    words: turn.words === "none" ? "unknown" : turn.words,
    stoppedMs: audioMs ?? turn.startMs,
    stoppedAt: at,
    audio: "held",
    draft: NO_DRAFT,
    endpoint: { state: "ahead" },
  };
  const ended = reachEndpoint(pausing, at, { ...policy, requireWords: false }, floor);
  return step(ended.turn, { do: "cut-speech" }, ...ended.commands);
}

function heard(before: Words, event: Extract<TurnEvent, { type: "heard" }>): { words: Words; endOfTurn: number | undefined } {
  return { words: before === "some" ? "some" : event.words, endOfTurn: event.endOfTurn };
}

function startDraft(turn: Pausing): { turn: Pausing; commands: Command[] } {
  const generation = turn.generation + 1;
  return {
    turn: { ...turn, generation, draft: { state: "running", generation, held: [], transcript: "growing" } },
    commands: [{ do: "generate", turnId: turn.turnId, generation, as: "draft" }],
  };
}

function onPausing(turn: Pausing, event: InputEvent, policy: Policy, floor: Floor): Step {
  switch (event.type) {
    case "audio-passed":
      if (turn.endpoint.state === "passed" || event.audioMs - turn.stoppedMs < silenceMs(policy, turn.endOfTurn)) return step(turn);
      return reachEndpoint(turn, event.at, policy, floor);
    case "audio-stalled":
      if (turn.endpoint.state === "passed" || event.stoppedMs !== turn.stoppedMs) return step(turn);
      return reachEndpoint(turn, event.at, policy, floor);
    case "vad-lost":
      return turn.endpoint.state === "passed" ? step(turn) : reachEndpoint(turn, event.at, policy, floor);
    case "heard":
      return step({ ...turn, ...heard(turn.words, event) });
    case "speech-stopped":
      return step(turn);
    default:
      return unreachable(event);
  }
}

/** The user has finished: commit, then answer, unless it is doubtful that there was anything to answer. */
function reachEndpoint(turn: Pausing, at: number, policy: Policy, floor: Floor): Step {
  const commit: Command = { do: "commit", turnId: turn.turnId, endMs: turn.stoppedMs };
  if (!policy.createResponse || floor === "overlap") {
    const retract = retraction(turn);
    return step(idle(turn), commit, ...retract, {
      do: "transcribe",
      turnId: turn.turnId,
    });
  }
  const passed: Pausing = { ...turn, endpoint: { state: "passed", at } };
  if (verdict(policy, turn.voice) === "answer") {
    const answered = answer(passed);
    return step(answered.turn, commit, ...answered.commands);
  }
  if (turn.draft.state === "none") {
    const drafted = startDraft(passed);
    return step(drafted.turn, commit, ...drafted.commands);
  }
  const settled = settle(passed, policy);
  return step(settled.turn, commit, ...settled.commands);
}

/**
 * Decides about a committed turn in which nobody is sure to have spoken, as soon as the draft shows whether the model heard words. Not sooner, and by
 * its final words: otherwise it would depend on how busy the engine is what becomes of a single word.
 */
export function settle(turn: Pausing, policy: Policy): Step {
  if (turn.endpoint.state === "ahead") return step(turn);
  if (verdict(policy, turn.voice) === "answer") return answer(turn);
  if (!isTelling(turn)) return step(turn);
  if (turn.words !== "none") return answer(turn);
  const forget: Command = { do: "forget", turnId: turn.turnId };
  return step(idle(turn), ...retraction(turn), forget);
}

/** Whether nothing more will be learnt about the user's words. */
function isTelling({ draft, words }: Pausing): boolean {
  switch (draft.state) {
    case "none":
      return false;
    case "ended":
    case "failed":
      return true;
    case "running": {
      const { held, transcript } = draft;
      // A model speaks without ever giving transcripts, or has done thinking without the words: what is known is all there will be.
      if (transcript === "final" || (words === "unknown" && held.length > 0) || held.some((output) => !isThought(output))) return true;
      return held.length >= MAX_HELD_DELTAS;
    }
    default:
      return unreachable(draft);
  }
}

function isThought(output: Output): boolean {
  return "channel" in output && output.channel !== "answer";
}

/** The draft becomes the answer: what was held goes out at once. */
export function answer(turn: Pausing): Step {
  const at = turn.endpoint.state === "passed" ? turn.endpoint.at : turn.stoppedAt;
  const { turnId, draft } = turn;
  const isNew = draft.state === "none";
  const generation = isNew ? turn.generation + 1 : draft.generation;
  const begin: Command = {
    do: "begin-response",
    turnId,
    generation,
    origin: { type: "speech", stoppedAt: turn.stoppedAt, endpointAt: at, start: isNew ? "confirmed" : "speculated" },
  };
  const answering: Answering = {
    phase: "answering",
    turnId,
    generation: Math.max(turn.generation, generation),
    answer: generation,
    next: undefined,
  };
  if (draft.state === "none") return step(answering, begin, { do: "generate", turnId, generation, as: "answer" });
  if (draft.state === "failed")
    return step(idle(answering), begin, { do: "end-response", generation, outcome: { status: "failed", error: draft.error } });
  const sent = draft.held.map((output): Command => ({ do: "send-output", generation, at, output }));
  if (draft.state === "running") return step(answering, begin, ...sent);
  return step(idle(answering), begin, ...sent, { do: "end-response", generation, outcome: { status: "ended", end: draft.end } });
}
