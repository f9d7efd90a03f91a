/** What a client asks of the turn: commit, clear, respond, cancel. Part of the reducer: pure, synchronous, total. */
import { answer } from "./endpoint.ts";
import type { Policy } from "./policy.ts";
import { idle, NO_DRAFT, retraction, step, unreachable } from "./step.ts";
import type { Answering, Command, GenerationId, Step, Turn, TurnEvent } from "./turn.ts";

export function onCommitAsked(turn: Turn, event: Extract<TurnEvent, { type: "commit-asked" }>): Step {
  if (turn.phase === "listening" || (turn.phase === "pausing" && turn.endpoint.state === "ahead")) {
    const retract = turn.phase === "pausing" ? retraction(turn) : [];
    const endMs = turn.phase === "pausing" ? turn.stoppedMs : undefined;
    return step(
      idle(turn),
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
export function onClearAsked(turn: Turn): Step {
  if (turn.phase === "answering" && turn.next !== undefined)
    return step({ ...turn, next: undefined }, { do: "cut-speech" }, { do: "forget", turnId: turn.next.turnId });
  if (turn.phase !== "listening" && !(turn.phase === "pausing" && turn.endpoint.state === "ahead")) return step(turn);
  const taken = turn.phase === "pausing" ? retraction(turn) : [];
  const forget: Command = { do: "forget", turnId: turn.turnId };
  return step(idle(turn), { do: "cut-speech" }, ...taken, forget);
}

export function onResponseAsked(turn: Turn, event: Extract<TurnEvent, { type: "response-asked" }>): Step {
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
        audio: "held",
        draft: NO_DRAFT,
        endpoint: { state: "passed", at: event.at },
      });
      return step(answered.turn, { do: "cut-speech" }, { do: "commit", turnId: turn.turnId, endMs: undefined }, ...answered.commands);
    }
    case "pausing": {
      const commit: Command[] = turn.endpoint.state === "ahead" ? [{ do: "commit", turnId: turn.turnId, endMs: turn.stoppedMs }] : [];
      const isOwn = event.context === "own";
      const answered = answer({ ...turn, ...(isOwn && { draft: NO_DRAFT }), endpoint: { state: "passed", at: event.at } });
      return step(answered.turn, ...commit, ...(isOwn ? retraction(turn) : []), ...answered.commands);
    }
    default:
      return unreachable(turn);
  }
}

/** The model speaks up: the silence is an input like any other, answered at once. */
export function onIdlePassed(turn: Turn, event: Extract<TurnEvent, { type: "idle-passed" }>, policy: Policy): Step {
  const isWanted = policy.idleTimeoutMs !== undefined;
  if (turn.phase !== "idle" || event.after !== turn.generation || !isWanted) return step(turn);
  const turnId = turn.turnId + 1;
  const generation = turn.generation + 1;
  return step(
    { phase: "answering", turnId, generation, answer: generation, next: undefined },
    { do: "time-out", turnId },
    { do: "begin-response", turnId, generation, origin: { type: "request", at: event.at } },
    { do: "generate", turnId, generation, as: "answer" },
  );
}

export function onCancelAsked(turn: Turn, eventId: string | undefined): Step {
  if (turn.phase !== "answering")
    return step(turn, {
      do: "refuse",
      code: "response_cancel_not_active",
      // LiveKit's plugin knows this error by how its message begins.
      message: "Cancellation failed: no response is being created",
      eventId,
    });
  return step(afterAnswer(turn), ...stopAnswer(turn.answer, "client_cancelled"));
}

/** Ends the answer that is being sent. */
export function stopAnswer(generation: GenerationId, reason: "turn_detected" | "client_cancelled"): Command[] {
  return [
    { do: "abort", generation },
    { do: "end-response", generation, outcome: { status: "cancelled", reason } },
  ];
}

/** Who has the floor once the answer is over: whoever spoke over it. */
export function afterAnswer({ next, turnId, generation }: Answering): Turn {
  return next === undefined ? { phase: "idle", turnId, generation } : { ...next, generation };
}
