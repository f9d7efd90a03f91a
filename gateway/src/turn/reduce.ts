/**
 * The turn as a pure function: one event in, the next turn and the work to do out. Synchronous and total; it reads no clock and
 * waits for nothing. Whatever comes from outside carries its turn or generation, and what is stale is dropped before anything else.
 */
import { MAX_HELD_DELTAS } from "../limits.ts";
import { type Policy, silenceMs, verdict } from "./policy.ts";
import type { Answering, AudioMs, Command, Draft, Listening, Pausing, Step, Turn, TurnEvent, Words } from "./turn.ts";

const step = (turn: Turn, ...commands: Command[]): Step => ({ turn, commands });
const NO_DRAFT: Draft = { state: "none" };

export function reduce(turn: Turn, event: TurnEvent, policy: Policy): Step {
  if (isStale(turn, event)) return step(turn);
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
    case "delta":
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
        return step(opened.turn, ...taken, ...opened.commands);
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

function stopAnswer(generation: number, reason: "turn_detected" | "client_cancelled"): Command[] {
  return [
    { do: "abort", generation },
    { do: "end-response", generation, outcome: { status: "cancelled", reason } },
  ];
}

type InputEvent = Extract<TurnEvent, { type: "speech-stopped" | "audio-passed" | "audio-stalled" | "vad-lost" | "heard" }>;

/** What happens to the turn that is open, whether it has the floor or is spoken over an answer. */
function onInput(turn: Turn, event: InputEvent, policy: Policy): Step {
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
      const pausing: Pausing = {
        ...turn,
        phase: "pausing",
        voice,
        stoppedMs: event.endMs,
        stoppedAt: event.endAt,
        draft: NO_DRAFT,
        endpoint: { state: "ahead" },
      };
      const timer: Command = { do: "start-timer", turnId: turn.turnId, stoppedMs: event.endMs, afterMs: policy.stallMs };
      if (!policy.speculate || !policy.createResponse || floor === "overlap") return step(pausing, timer);
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
    turn: { ...turn, generation, draft: { state: "running", generation, held: [] } },
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

/** Takes the draft back, if there is one. */
function retraction({ turnId, draft }: Pausing): Command[] {
  return draft.state === "none" ? [] : [{ do: "retract", turnId, generation: draft.generation }];
}

/** The user has finished: commit, then answer, unless it is doubtful that there was anything to answer. */
function reachEndpoint(turn: Pausing, at: number, policy: Policy, floor: Floor): Step {
  const commit: Command = { do: "commit", turnId: turn.turnId, endMs: turn.stoppedMs };
  if (!policy.createResponse || floor === "overlap") {
    const retract = retraction(turn);
    return step({ phase: "idle", turnId: turn.turnId, generation: turn.generation }, commit, ...retract, {
      do: "transcribe",
      turnId: turn.turnId,
    });
  }
  const passed: Pausing = { ...turn, endpoint: { state: "passed", at } };
  if (verdict(policy, turn.voice, turn.words) === "answer") {
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

/** Decides about a committed turn in which nobody is sure to have spoken, as soon as the draft shows whether the model heard words. */
function settle(turn: Pausing, policy: Policy): Step {
  if (turn.endpoint.state === "ahead") return step(turn);
  if (verdict(policy, turn.voice, turn.words) === "answer") return answer(turn);
  const { draft } = turn;
  const isTelling = draft.state === "ended" || draft.state === "failed" || (draft.state === "running" && draft.held.length > 0);
  if (!isTelling) return step(turn);
  // The model speaks without ever giving transcripts: the VAD's word is all there is.
  if (turn.words === "unknown") return answer(turn);
  const forget: Command = { do: "forget", turnId: turn.turnId };
  return step({ phase: "idle", turnId: turn.turnId, generation: turn.generation }, ...retraction(turn), forget);
}

/** The draft becomes the answer: what was held goes out at once. */
function answer(turn: Pausing): Step {
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
  const idle: Turn = { phase: "idle", turnId, generation: answering.generation };
  if (draft.state === "failed")
    return step(idle, begin, { do: "end-response", generation, outcome: { status: "failed", error: draft.error } });
  const sent = draft.held.map(({ channel, text }): Command => ({ do: "send-delta", generation, at, channel, text }));
  if (draft.state === "running") return step(answering, begin, ...sent);
  return step(idle, begin, ...sent, { do: "end-response", generation, outcome: { status: "ended", end: draft.end } });
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
    case "delta":
      return step(turn, { do: "send-delta", generation, at: event.at, channel: event.channel, text: event.text });
    case "generated":
      return step(afterAnswer(turn), { do: "end-response", generation, outcome: { status: "ended", end: event.end } });
    case "generation-failed":
      return step(afterAnswer(turn), { do: "end-response", generation, outcome: { status: "failed", error: event.error } });
    default:
      return unreachable(event);
  }
}

function afterAnswer({ next, turnId, generation }: Answering): Turn {
  return next === undefined ? { phase: "idle", turnId, generation } : { ...next, generation };
}

function onDraft(turn: Pausing, draft: Extract<Draft, { state: "running" }>, event: GenerationEvent, policy: Policy): Step {
  switch (event.type) {
    case "transcribed":
      return settle({ ...turn, words: event.words }, policy);
    case "delta": {
      // Held deltas are bounded: an answer that ran this far ahead is begun again at the endpoint.
      if (draft.held.length >= MAX_HELD_DELTAS)
        return step({ ...turn, draft: NO_DRAFT }, { do: "retract", turnId: turn.turnId, generation: draft.generation });
      const held = [...draft.held, { channel: event.channel, text: event.text }];
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

function onCommitAsked(turn: Turn, event: Extract<TurnEvent, { type: "commit-asked" }>): Step {
  if (turn.phase === "listening" || (turn.phase === "pausing" && turn.endpoint.state === "ahead")) {
    const retract = turn.phase === "pausing" ? retraction(turn) : [];
    const endMs = turn.phase === "pausing" ? turn.stoppedMs : undefined;
    return step(
      { phase: "idle", turnId: turn.turnId, generation: turn.generation },
      ...retract,
      { do: "cut-speech" },
      { do: "commit", turnId: turn.turnId, endMs },
      { do: "transcribe", turnId: turn.turnId },
    );
  }
  if (turn.phase === "answering" && turn.next !== undefined) {
    const { turnId } = turn.next;
    const commit: Command = { do: "commit", turnId, endMs: turn.next.phase === "pausing" ? turn.next.stoppedMs : undefined };
    return step({ ...turn, next: undefined }, { do: "cut-speech" }, commit, { do: "transcribe", turnId });
  }
  if (!event.buffered)
    return step(turn, {
      do: "refuse",
      code: "input_audio_buffer_commit_empty",
      message: "the input audio buffer is empty: there is nothing to commit",
      eventId: event.eventId,
    });
  const turnId = turn.turnId + 1;
  const commands: Command[] = [
    // Only a change to push-to-talk in the middle of a doubtful turn leads here: nobody waits for that turn's answer any more.
    ...(turn.phase === "pausing" ? retraction(turn) : []),
    { do: "commit", turnId, endMs: undefined },
    { do: "transcribe", turnId },
  ];
  return step(turn.phase === "answering" ? { ...turn, turnId } : { phase: "idle", turnId, generation: turn.generation }, ...commands);
}

/** The audio that is not committed yet is thrown away, whether it has the floor or is spoken over an answer. */
function onClearAsked(turn: Turn): Step {
  if (turn.phase === "answering" && turn.next !== undefined)
    return step({ ...turn, next: undefined }, { do: "cut-speech" }, { do: "forget", turnId: turn.next.turnId });
  if (turn.phase !== "listening" && !(turn.phase === "pausing" && turn.endpoint.state === "ahead")) return step(turn);
  const taken = turn.phase === "pausing" ? retraction(turn) : [];
  const forget: Command = { do: "forget", turnId: turn.turnId };
  return step({ phase: "idle", turnId: turn.turnId, generation: turn.generation }, { do: "cut-speech" }, ...taken, forget);
}

function onResponseAsked(turn: Turn, event: Extract<TurnEvent, { type: "response-asked" }>): Step {
  switch (turn.phase) {
    case "idle": {
      const generation = turn.generation + 1;
      return step(
        { phase: "answering", turnId: turn.turnId, generation, answer: generation, next: undefined },
        { do: "begin-response", turnId: turn.turnId, generation, origin: { type: "request", at: event.at } },
        { do: "generate", turnId: turn.turnId, generation, as: "answer" },
      );
    }
    case "answering":
      return step(turn, {
        do: "refuse",
        code: "conversation_already_has_active_response",
        message: "a response is being created: wait for its response.done or cancel it first",
        eventId: event.eventId,
      });
    case "listening": {
      const answered = answer({
        ...turn,
        phase: "pausing",
        stoppedMs: turn.startMs,
        stoppedAt: event.at,
        draft: NO_DRAFT,
        endpoint: { state: "passed", at: event.at },
      });
      return step(answered.turn, { do: "cut-speech" }, { do: "commit", turnId: turn.turnId, endMs: undefined }, ...answered.commands);
    }
    case "pausing": {
      const commit: Command[] = turn.endpoint.state === "ahead" ? [{ do: "commit", turnId: turn.turnId, endMs: turn.stoppedMs }] : [];
      const answered = answer({ ...turn, endpoint: { state: "passed", at: event.at } });
      return step(answered.turn, ...commit, ...answered.commands);
    }
    default:
      return unreachable(turn);
  }
}

function onCancelAsked(turn: Turn, eventId: string | undefined): Step {
  if (turn.phase !== "answering")
    return step(turn, {
      do: "refuse",
      code: "response_cancel_not_active",
      message: "no response is being created: there is nothing to cancel",
      eventId,
    });
  return step(afterAnswer(turn), ...stopAnswer(turn.answer, "client_cancelled"));
}

function unreachable(never: never): never {
  throw new Error(`unhandled: ${JSON.stringify(never)}`);
}
