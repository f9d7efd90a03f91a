/**
 * The vocabulary of a turn: who has the floor, what can happen, what is to be done. Values only; `reduce.ts` is the one
 * place that makes a new `Turn` of an old one. It holds no ids of the wire, no text a person said beyond held deltas, and no timers.
 */
import type { AloudError, ErrorCode } from "@aloud/client/protocol";
import type { Channel, GenerateUsage } from "@aloud/engine";

/** Milliseconds on the session's clock (`Clock.now`). */
export type At = number;
/** Milliseconds of audio since the session began: the time base of everything the VAD says. */
export type AudioMs = number;
/** Counts the user's inputs within a session. What carries an older one is stale and is dropped. */
export type TurnId = number;
/** Counts calls of `generate` within a session; a draft that was taken back keeps its number for itself. */
export type GenerationId = number;

/** How much voice a turn has had: speech windows of 32 ms, and the sum of their probabilities. */
export interface Voice {
  readonly windows: number;
  readonly probabilitySum: number;
}

/** Whether the model has heard words in the open turn; `unknown` for a model that does not transcribe. */
export type Words = "unknown" | "none" | "some";

/** A call of one of the app's tools, checked by the engine. */
export interface Call {
  readonly name: string;
  /** A JSON object as text. */
  readonly arguments: string;
}

/** What a generation yields, piece by piece. */
export type Output =
  | {
      readonly channel: Channel;
      readonly text: string;
      /** An answer's piece that comes before the thought is over. */
      readonly isAhead?: true;
      /** The channel was guessed from the words; absent where the model marked it. */
      readonly isHeuristic?: true;
    }
  | { readonly call: Call };

/**
 * How a generation ended. `length` comes only after the allowed continuations; `invalid_tool_call` when the model could not call a
 * tool the way the app declared it.
 */
export interface GenerationEnd {
  readonly reason: "stop" | "length" | "invalid_tool_call";
  readonly usage: GenerateUsage;
}

/** An answer begun before it was certain that the user has finished. Nothing of it has been sent. */
export type Draft =
  | { readonly state: "none" }
  | {
      readonly state: "running";
      readonly generation: GenerationId;
      readonly held: readonly Output[];
      /** Whether the model has said its last word about the user's words. */
      readonly transcript: "growing" | "final";
    }
  | { readonly state: "ended"; readonly generation: GenerationId; readonly held: readonly Output[]; readonly end: GenerationEnd }
  | { readonly state: "failed"; readonly generation: GenerationId; readonly error: AloudError };

interface Counters {
  /** The newest input. */
  readonly turnId: TurnId;
  /** The newest generation. */
  readonly generation: GenerationId;
}

interface Speaking {
  readonly startMs: AudioMs;
  readonly voice: Voice;
  readonly words: Words;
  /** The model's own opinion that the user has finished, 0 to 1, if it has one. */
  readonly endOfTurn: number | undefined;
}

export type Listening = { readonly phase: "listening" } & Counters & Speaking;

export type Pausing = {
  readonly phase: "pausing";
  /** Audio time of the last speech, and when that audio arrived. */
  readonly stoppedMs: AudioMs;
  readonly stoppedAt: At;
  /** The pause's audio: `held` until it is clear that it belongs to the turn, or `heard` because the model judges by it whether the turn is over. */
  readonly audio: "held" | "heard";
  readonly draft: Draft;
  /** `passed`: the turn is over and committed; the draft has yet to show whether there were words in it. */
  readonly endpoint: { readonly state: "ahead" } | { readonly state: "passed"; readonly at: At };
} & Counters &
  Speaking;

export type Answering = {
  readonly phase: "answering";
  /** The generation that is being sent. `Counters.generation` is the same until the next one. */
  readonly answer: GenerationId;
  /** The user talking over an answer that may not be interrupted. */
  readonly next: Listening | Pausing | undefined;
} & Counters;

export type Turn = ({ readonly phase: "idle" } & Counters) | Listening | Pausing | Answering;

export const IDLE: Turn = { phase: "idle", turnId: 0, generation: 0 };

export type TurnEvent =
  | { readonly type: "speech-started"; readonly at: At; readonly startMs: AudioMs }
  | {
      readonly type: "speech-stopped";
      readonly at: At;
      readonly endMs: AudioMs;
      /** When the last speech arrived. */
      readonly endAt: At;
      readonly voice: Voice;
    }
  /** The audio clock moved on. */
  | { readonly type: "audio-passed"; readonly at: At; readonly audioMs: AudioMs }
  /** No audio came since the pause began: the client stopped sending instead of sending silence. */
  | { readonly type: "audio-stalled"; readonly at: At; readonly turnId: TurnId; readonly stoppedMs: AudioMs }
  | { readonly type: "vad-lost"; readonly at: At }
  | { readonly type: "heard"; readonly turnId: TurnId; readonly words: Words; readonly endOfTurn?: number | undefined }
  | { readonly type: "transcribed"; readonly at: At; readonly generation: GenerationId; readonly words: Words }
  | { readonly type: "output"; readonly at: At; readonly generation: GenerationId; readonly output: Output }
  | { readonly type: "generated"; readonly at: At; readonly generation: GenerationId; readonly end: GenerationEnd }
  | { readonly type: "generation-failed"; readonly at: At; readonly generation: GenerationId; readonly error: AloudError }
  /** The client: `buffered` says whether push-to-talk audio waits to be committed. */
  | { readonly type: "commit-asked"; readonly at: At; readonly buffered: boolean; readonly eventId: string | undefined }
  | { readonly type: "clear-asked" }
  /** `context`: whether the answer is made with instructions, tools or input of its own, so that no draft will do. */
  | { readonly type: "response-asked"; readonly at: At; readonly context: "session" | "own"; readonly eventId: string | undefined }
  /** Nobody has spoken since the response `after` ended. */
  | { readonly type: "idle-passed"; readonly at: At; readonly turnId: TurnId; readonly after: GenerationId }
  | { readonly type: "cancel-asked"; readonly eventId: string | undefined };

/** Where a response comes from, for its timing. */
export type Origin =
  | { readonly type: "speech"; readonly stoppedAt: At; readonly endpointAt: At; readonly start: "speculated" | "confirmed" }
  | { readonly type: "request"; readonly at: At };

export type Outcome =
  | { readonly status: "ended"; readonly end: GenerationEnd }
  | { readonly status: "cancelled"; readonly reason: "turn_detected" | "client_cancelled" }
  | { readonly status: "failed"; readonly error: AloudError };

export type Command =
  /** A turn begins at `startMs`: tell the client, and prefill from the pre-roll on. */
  | { readonly do: "open"; readonly turnId: TurnId; readonly startMs: AudioMs }
  /** Audio held back during a pause belongs to the turn after all. */
  | { readonly do: "release-held"; readonly turnId: TurnId }
  /** The turn's audio is complete; what was held back was silence. `endMs` is absent for push-to-talk. */
  | { readonly do: "commit"; readonly turnId: TurnId; readonly endMs: AudioMs | undefined }
  /** The turn was thrown away by the client, or no word was in it: the model forgets it. */
  | { readonly do: "forget"; readonly turnId: TurnId }
  /** The user speaks on before it was clear whether the turn deserves an answer: its words are what is known of them, its audio stays with what follows. */
  | { readonly do: "settle-input"; readonly turnId: TurnId }
  /** Finish the transcript of a turn that gets no answer. */
  | { readonly do: "transcribe"; readonly turnId: TurnId }
  | { readonly do: "generate"; readonly turnId: TurnId; readonly generation: GenerationId; readonly as: "draft" | "answer" }
  /** Stop the draft and take the model back to before it. */
  | { readonly do: "retract"; readonly turnId: TurnId; readonly generation: GenerationId }
  /** Stop the answer; what was sent stays in the history. */
  | { readonly do: "abort"; readonly generation: GenerationId }
  | { readonly do: "begin-response"; readonly turnId: TurnId; readonly generation: GenerationId; readonly origin: Origin }
  | { readonly do: "send-output"; readonly generation: GenerationId; readonly at: At; readonly output: Output }
  | { readonly do: "end-response"; readonly generation: GenerationId; readonly outcome: Outcome }
  | { readonly do: "start-timer"; readonly turnId: TurnId; readonly stoppedMs: AudioMs; readonly afterMs: number }
  | { readonly do: "start-idle-timer"; readonly turnId: TurnId; readonly after: GenerationId; readonly afterMs: number }
  /** Nobody spoke for so long that the model is to speak up: the silence becomes an input of its own. */
  | { readonly do: "time-out"; readonly turnId: TurnId }
  /** Whoever speaks now has used up the turn: the VAD starts afresh. */
  | { readonly do: "cut-speech" }
  | { readonly do: "refuse"; readonly code: ErrorCode; readonly message: string; readonly eventId: string | undefined };

export interface Step {
  readonly turn: Turn;
  readonly commands: readonly Command[];
}
