/** What a client knows of a session: its turns, and how the engine is. A value; `reduce` makes the next one. */
import type { ErrorCode } from "../protocol/errors.ts";
import type { AloudServerEvent, TurnTiming } from "../protocol/server-events.ts";

/**
 * - `listening`: the user speaks, or pauses within the turn.
 * - `heard`: the turn is over, no response has begun.
 * - `thinking`, `answering`: the response streams.
 * - `unheard`: sound that was no speech; it gets no response.
 * - the rest are ends. `cancelled` keeps what was sent; `incomplete` hit a limit.
 */
export type TurnStatus = "listening" | "heard" | "unheard" | "thinking" | "answering" | "completed" | "cancelled" | "incomplete" | "failed";

export interface TurnError {
  readonly code: ErrorCode | string;
  readonly message: string;
}

/** A tool that the model called in a turn. */
export interface TurnCall {
  readonly id: string;
  readonly name: string;
  /** A JSON object as text. */
  readonly arguments: string;
  /** What the app gave back; undefined until it did. */
  readonly output: string | undefined;
}

export interface Turn {
  /** The user item's id; the response's for a response that nobody asked for. */
  readonly id: string;
  readonly input: "speech" | "text";
  readonly responseId: string | undefined;
  readonly status: TurnStatus;
  /** The user's words: typed, or as the server transcribed them so far. Empty when it gives no transcript. */
  readonly transcript: string;
  /** Whether `transcript` is final: typed, or completed by the server. */
  readonly isTranscribed: boolean;
  readonly semantic: string;
  readonly acoustic: string;
  /** Whether thoughts are coming in; with a model that answers ahead of its thought, also while `answering`. */
  readonly isThinking: boolean;
  /** Which of the thinking is semantic and which acoustic was guessed from its words: the model thinks in one text. */
  readonly isHeuristic: boolean;
  readonly answer: string;
  /** In the order in which they were made. What the model says to their results belongs to the same turn. */
  readonly calls: readonly TurnCall[];
  readonly timing: TurnTiming | undefined;
  readonly error: TurnError | undefined;
}

export type EngineState = Omit<Extract<AloudServerEvent, { type: "aloud.engine.status" }>, "type">;

export interface Conversation {
  readonly sessionId: string | undefined;
  readonly model: string | undefined;
  readonly engine: EngineState | undefined;
  /** Oldest first, at most `MAX_TURNS`; the oldest is dropped. */
  readonly turns: readonly Turn[];
  /** The last `error` event, which concerns a request rather than a turn. */
  readonly error: TurnError | undefined;
}

export const MAX_TURNS = 200;

export const NEW_CONVERSATION: Conversation = {
  sessionId: undefined,
  model: undefined,
  engine: undefined,
  turns: [],
  error: undefined,
};

/** Whether nothing more will come for this turn. */
export function isSettled(turn: Turn): boolean {
  return (
    turn.status === "unheard" ||
    turn.status === "completed" ||
    turn.status === "cancelled" ||
    turn.status === "incomplete" ||
    turn.status === "failed"
  );
}

/** Whether the response of a turn streams or is awaited now: the moment when interrupting means something. */
export function isAnswering(conversation: Conversation): boolean {
  return conversation.turns.some((turn) => turn.responseId !== undefined && !isSettled(turn));
}
