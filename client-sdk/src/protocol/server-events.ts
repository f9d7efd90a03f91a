/**
 * What the server sends. Realtime's events, and those of `aloud.v1`, which only a connection that offered it ever sees.
 * Types only: the server builds these itself, and the client treats an event type that it does not know as absent.
 */
import type { ErrorCode, WireErrorType } from "./errors.ts";
import type { AudioFormat, ReasoningEffort, TurnDetection } from "./session-config.ts";

export type ReasoningChannel = "semantic" | "acoustic";

export interface SessionObject {
  readonly object: "realtime.session";
  readonly type: "realtime";
  readonly id: string;
  readonly model: string;
  readonly instructions: string;
  readonly output_modalities: readonly ["text"];
  readonly max_output_tokens: number | "inf";
  readonly reasoning: { readonly effort: ReasoningEffort };
  readonly tools: readonly [];
  readonly tool_choice: "auto";
  readonly truncation: "auto";
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

export type ItemStatus = "in_progress" | "completed" | "incomplete";

export type ContentPart =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_audio"; readonly transcript: string | null }
  | { readonly type: "output_text"; readonly text: string };

export interface MessageItem {
  readonly id: string;
  readonly object: "realtime.item";
  readonly type: "message";
  readonly status: ItemStatus;
  readonly role: "user" | "assistant" | "system";
  readonly content: readonly ContentPart[];
}

/** `aloud.v1` only: the model's thinking as an output item. Never a conversation item. */
export interface ReasoningItem {
  readonly id: string;
  readonly object: "realtime.item";
  readonly type: "reasoning";
  readonly status: ItemStatus;
  readonly content: readonly { readonly type: "reasoning_text"; readonly channel: ReasoningChannel; readonly text: string }[];
}

export interface Usage {
  readonly total_tokens: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly input_token_details: {
    readonly text_tokens: number;
    readonly audio_tokens: number;
    readonly image_tokens: 0;
    /** Tokens that were in the KV cache before the turn ended. */
    readonly cached_tokens: number;
    readonly cached_tokens_details: { readonly text_tokens: number; readonly audio_tokens: number; readonly image_tokens: 0 };
  };
  readonly output_token_details: { readonly text_tokens: number; readonly audio_tokens: 0; readonly reasoning_tokens?: number };
}

/** `aloud.v1` only: where the time of a turn went. All in milliseconds from the last sample of speech, except `prefilled_tokens`. */
export interface TurnTiming {
  /** When the server decided that the turn was over; absent for typed turns. */
  readonly endpoint_ms?: number;
  readonly first_thought_ms?: number;
  readonly first_answer_ms?: number;
  readonly done_ms: number;
  /** Tokens in the KV cache before the endpoint. */
  readonly prefilled_tokens: number;
  /** Whether generation began before the endpoint was certain. */
  readonly speculated: boolean;
}

export type ResponseStatus = "in_progress" | "completed" | "cancelled" | "failed" | "incomplete";

export interface ResponseObject {
  readonly object: "realtime.response";
  readonly id: string;
  readonly conversation_id: string | null;
  readonly status: ResponseStatus;
  readonly status_details:
    | null
    | { readonly type: "cancelled"; readonly reason: "turn_detected" | "client_cancelled" }
    | { readonly type: "incomplete"; readonly reason: "max_output_tokens" }
    | { readonly type: "failed"; readonly error: { readonly type: WireErrorType; readonly code: ErrorCode; readonly message: string } };
  readonly output: readonly (MessageItem | ReasoningItem)[];
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

interface InResponse {
  readonly response_id: string;
  readonly item_id: string;
  readonly output_index: number;
  readonly content_index: number;
}

export interface DeviceStatus {
  readonly id: string;
  readonly memory_bytes: number;
}

export type RealtimeServerEvent =
  | { readonly type: "session.created" | "session.updated"; readonly session: SessionObject }
  | { readonly type: "error"; readonly error: ErrorBody }
  | { readonly type: "input_audio_buffer.speech_started"; readonly item_id: string; readonly audio_start_ms: number }
  | { readonly type: "input_audio_buffer.speech_stopped"; readonly item_id: string; readonly audio_end_ms: number }
  | { readonly type: "input_audio_buffer.committed"; readonly item_id: string; readonly previous_item_id: string | null }
  | { readonly type: "input_audio_buffer.cleared" }
  | {
      readonly type: "conversation.item.added" | "conversation.item.done";
      readonly item: MessageItem;
      readonly previous_item_id: string | null;
    }
  | { readonly type: "conversation.item.retrieved"; readonly item: MessageItem }
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
  | { readonly type: "response.created" | "response.done"; readonly response: ResponseObject }
  | {
      readonly type: "response.output_item.added" | "response.output_item.done";
      readonly response_id: string;
      readonly output_index: number;
      readonly item: MessageItem | ReasoningItem;
    }
  | ({
      readonly type: "response.content_part.added" | "response.content_part.done";
      readonly part: { readonly type: "text"; readonly text: string };
    } & InResponse)
  | ({ readonly type: "response.output_text.delta"; readonly delta: string } & InResponse)
  | ({ readonly type: "response.output_text.done"; readonly text: string } & InResponse);

/** Events that only a connection with `aloud.v1` sees. */
export type AloudServerEvent =
  | ({ readonly type: "response.reasoning_text.delta"; readonly channel: ReasoningChannel; readonly delta: string } & InResponse)
  | ({ readonly type: "response.reasoning_text.done"; readonly channel: ReasoningChannel; readonly text: string } & InResponse)
  | { readonly type: "aloud.ack"; readonly audio_seq: number }
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
  "aloud.engine.status",
]);
