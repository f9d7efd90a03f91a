/**
 * What the server sends. Realtime's events, and those of `aloud.v1`, which only a connection that offered it ever sees.
 * Types only: the server builds these itself, and the client treats an event type that it does not know as absent.
 */
import type { ErrorCode, WireErrorType } from "./errors.ts";
import type { ConversationItem, ReasoningItem, ReasoningText } from "./items.ts";
import type { AudioFormat, ReasoningEffort, Truncation, TurnDetection } from "./session-config.ts";
import type { FunctionTool, ToolChoice } from "./tools.ts";

export interface SessionObject {
  readonly object: "realtime.session";
  readonly type: "realtime";
  readonly id: string;
  readonly model: string;
  readonly instructions: string;
  readonly output_modalities: readonly ["text"];
  readonly max_output_tokens: number | "inf";
  readonly reasoning: { readonly effort: ReasoningEffort };
  readonly tools: readonly FunctionTool[];
  readonly tool_choice: ToolChoice;
  readonly parallel_tool_calls: boolean;
  readonly truncation: Truncation;
  readonly tracing: null;
  readonly include: null;
  readonly prompt: null;
  /** Unix seconds. */
  readonly expires_at: number;
  readonly audio: {
    readonly input: {
      readonly format: AudioFormat;
      readonly transcription: { readonly model: string; readonly language?: string } | null;
      readonly noise_reduction: null;
      readonly turn_detection: TurnDetection | null;
    };
    readonly output: { readonly format: { readonly type: "audio/pcm"; readonly rate: 24_000 }; readonly voice: string; readonly speed: 1 };
  };
}

export interface Usage {
  readonly total_tokens: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly input_token_details: {
    readonly text_tokens: number;
    readonly audio_tokens: number;
    readonly image_tokens: 0;
    /** Tokens that the model had before the answer was asked for: by the count of the server that it runs on, if it says, else by ours. */
    readonly cached_tokens: number;
    readonly cached_tokens_details: { readonly text_tokens: number; readonly audio_tokens: number; readonly image_tokens: 0 };
  };
  readonly output_token_details: { readonly text_tokens: number; readonly audio_tokens: 0; readonly reasoning_tokens?: number };
}

/** `aloud.v1` only: where the time of a turn went. All in milliseconds from the last sample of speech, except tokens. */
export interface TurnTiming {
  /** When the server decided that the turn was over; absent for typed turns. */
  readonly endpoint_ms?: number;
  readonly first_thought_ms?: number;
  readonly first_answer_ms?: number;
  readonly done_ms: number;
  /** Of the prompt's tokens, those that the model was given before the answer was asked for. */
  readonly prefilled_tokens: number;
  /** Of the prompt's tokens, those that the model's server says to have found in its cache; absent where none says so. */
  readonly cached_tokens?: number;
  /** Whether generation began before the endpoint was certain. */
  readonly speculated: boolean;
}

export type OutputItem = ConversationItem | ReasoningItem;

export type ResponseStatus = "in_progress" | "completed" | "cancelled" | "failed" | "incomplete";

export interface ResponseObject {
  readonly object: "realtime.response";
  readonly id: string;
  /** Null for a response outside the conversation. */
  readonly conversation_id: string | null;
  readonly status: ResponseStatus;
  readonly status_details:
    | null
    | { readonly type: "cancelled"; readonly reason: "turn_detected" | "client_cancelled" }
    | { readonly type: "incomplete"; readonly reason: "max_output_tokens" }
    | { readonly type: "failed"; readonly error: { readonly type: WireErrorType; readonly code: ErrorCode; readonly message: string } };
  readonly output: readonly OutputItem[];
  readonly output_modalities: readonly ["text"];
  readonly max_output_tokens: number | "inf";
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly usage: Usage | null;
  readonly timing?: TurnTiming;
}

export interface ErrorBody {
  readonly type: WireErrorType;
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | null;
  readonly event_id: string | null;
}

interface InOutput {
  readonly response_id: string;
  readonly item_id: string;
  readonly output_index: number;
}

interface InResponse extends InOutput {
  readonly content_index: number;
}

/** One place in which the model runs. */
export interface DeviceStatus {
  /** `cpu`, `cpu:1`, `cuda:0`, …; of servers their place in the configuration: `vllm:0`, … */
  readonly id: string;
  /** `loading`: not there yet, or not any more. `failed`: until a person mends it; the others serve. */
  readonly state: "loading" | "ready" | "failed";
  /** Main memory of its process; 0 while it loads, and for a server. */
  readonly memory_bytes: number;
  /** Of all sessions, that live there now. */
  readonly conversations: number;
  /** What is under way or wrong there, or worth knowing of a ready device. */
  readonly message: string | null;
}

export type RealtimeServerEvent =
  | { readonly type: "session.created" | "session.updated"; readonly session: SessionObject }
  | { readonly type: "error"; readonly error: ErrorBody }
  | { readonly type: "input_audio_buffer.speech_started"; readonly item_id: string; readonly audio_start_ms: number }
  | { readonly type: "input_audio_buffer.speech_stopped"; readonly item_id: string; readonly audio_end_ms: number }
  | { readonly type: "input_audio_buffer.committed"; readonly item_id: string; readonly previous_item_id: string | null }
  | { readonly type: "input_audio_buffer.cleared" }
  | {
      readonly type: "input_audio_buffer.timeout_triggered";
      readonly item_id: string;
      readonly audio_start_ms: number;
      readonly audio_end_ms: number;
    }
  | {
      readonly type: "conversation.item.added" | "conversation.item.done";
      readonly item: ConversationItem;
      readonly previous_item_id: string | null;
    }
  | { readonly type: "conversation.item.retrieved"; readonly item: ConversationItem }
  | { readonly type: "conversation.item.deleted"; readonly item_id: string }
  | {
      readonly type: "conversation.item.truncated";
      readonly item_id: string;
      readonly content_index: number;
      readonly audio_end_ms: number;
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.delta";
      readonly item_id: string;
      readonly content_index: 0;
      readonly delta: string;
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.completed";
      readonly item_id: string;
      readonly content_index: 0;
      readonly transcript: string;
      readonly usage: { readonly type: "duration"; readonly seconds: number };
    }
  | {
      readonly type: "conversation.item.input_audio_transcription.failed";
      readonly item_id: string;
      readonly content_index: 0;
      /** No `param`: there is no field at fault, and strict clients take no null here. */
      readonly error: { readonly type: "transcription_error"; readonly code: "audio_unintelligible"; readonly message: string };
    }
  | { readonly type: "response.created" | "response.done"; readonly response: ResponseObject }
  | {
      readonly type: "response.output_item.added" | "response.output_item.done";
      readonly response_id: string;
      readonly output_index: number;
      readonly item: OutputItem;
    }
  | ({
      readonly type: "response.content_part.added" | "response.content_part.done";
      readonly part: { readonly type: "text"; readonly text: string };
    } & InResponse)
  | ({ readonly type: "response.output_text.delta"; readonly delta: string } & InResponse)
  | ({ readonly type: "response.output_text.done"; readonly text: string } & InResponse)
  | ({ readonly type: "response.function_call_arguments.delta"; readonly call_id: string; readonly delta: string } & InOutput)
  | ({
      readonly type: "response.function_call_arguments.done";
      readonly call_id: string;
      readonly name: string;
      readonly arguments: string;
    } & InOutput);

/** Every Realtime event that is ever sent. Complete: the compiler holds it to the union. */
export const REALTIME_EVENT_TYPES: readonly string[] = Object.keys({
  "session.created": 1,
  "session.updated": 1,
  error: 1,
  "input_audio_buffer.speech_started": 1,
  "input_audio_buffer.speech_stopped": 1,
  "input_audio_buffer.committed": 1,
  "input_audio_buffer.cleared": 1,
  "input_audio_buffer.timeout_triggered": 1,
  "conversation.item.added": 1,
  "conversation.item.done": 1,
  "conversation.item.retrieved": 1,
  "conversation.item.deleted": 1,
  "conversation.item.truncated": 1,
  "conversation.item.input_audio_transcription.delta": 1,
  "conversation.item.input_audio_transcription.completed": 1,
  "conversation.item.input_audio_transcription.failed": 1,
  "response.created": 1,
  "response.output_item.added": 1,
  "response.output_item.done": 1,
  "response.content_part.added": 1,
  "response.content_part.done": 1,
  "response.output_text.delta": 1,
  "response.output_text.done": 1,
  "response.function_call_arguments.delta": 1,
  "response.function_call_arguments.done": 1,
  "response.done": 1,
} satisfies Record<RealtimeServerEvent["type"], 1>);

/** Events that only a connection with `aloud.v1` sees. */
export type AloudServerEvent =
  | ({ readonly type: "response.reasoning_text.delta"; readonly delta: string } & Omit<ReasoningText, "text"> & InResponse)
  | ({ readonly type: "response.reasoning_text.done" } & ReasoningText & InResponse)
  | { readonly type: "aloud.ack"; readonly audio_seq: number }
  /** The conversation outgrew the context: from now on the model no longer knows these items, oldest first. They can still be retrieved. */
  | { readonly type: "aloud.context.truncated"; readonly item_ids: readonly string[] }
  | {
      readonly type: "aloud.engine.status";
      readonly state: "loading" | "ready" | "busy" | "failed";
      /** 0 to 1 while loading. */
      readonly progress: number;
      readonly model: string;
      readonly devices: readonly DeviceStatus[];
      /** Turns ahead of this session's, when busy. */
      readonly queue_position: number;
      readonly message: string | null;
    };

export type ServerEventBody = RealtimeServerEvent | AloudServerEvent;
/** `event_id` is on every event; `seq` counts the events of a session from 1 and is there on `aloud.v1` connections. */
export type ServerEvent = ServerEventBody & { readonly event_id: string; readonly seq?: number };
export type ServerEventType = ServerEventBody["type"];

/** Which event types are extensions: the gateway never sends these to a connection that speaks plain Realtime. */
export const ALOUD_EVENT_TYPES: ReadonlySet<string> = new Set<AloudServerEvent["type"]>([
  "response.reasoning_text.delta",
  "response.reasoning_text.done",
  "aloud.ack",
  "aloud.context.truncated",
  "aloud.engine.status",
]);
