/**
 * Every error that Aloud names: one closed table of codes, one class.
 * docs/errors.md has a row for each code; a test holds the two together.
 */

/**
 * What an error costs.
 * - `violation`: the peer broke the protocol; the connection is closed with `closeCode`.
 * - `refusal`: policy or capacity says no; the connection is closed (or never opened) with a hint when to try again.
 * - `failure`: one request or turn fails; the session goes on.
 */
export type ErrorFate = "violation" | "refusal" | "failure";

/** The `error.type` values that Realtime clients know. */
export type WireErrorType = "invalid_request_error" | "server_error" | "rate_limit_error" | "authentication_error";

export interface ErrorRow {
  readonly fate: ErrorFate;
  readonly wireType: WireErrorType;
  /** WebSocket close code, for violations and refusals. */
  readonly closeCode?: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
}

const invalid = { fate: "failure", wireType: "invalid_request_error", retryable: false } as const;
const serverFailure = { fate: "failure", wireType: "server_error", retryable: true } as const;

/** The closed list. Codes that stock Realtime clients special-case keep OpenAI's spelling. */
export const ERRORS = {
  invalid_json: invalid,
  missing_required_parameter: invalid,
  invalid_type: invalid,
  invalid_value: invalid,
  unsupported_value: invalid,
  unknown_event_type: invalid,
  audio_packet_invalid: invalid,
  input_audio_buffer_commit_empty: invalid,
  input_audio_buffer_full: invalid,
  conversation_already_has_active_response: invalid,
  response_cancel_not_active: invalid,
  item_not_found: invalid,
  item_retrieve_invalid_item_id: invalid,
  conversation_full: invalid,
  binary_not_negotiated: { fate: "violation", wireType: "invalid_request_error", closeCode: 1003, retryable: false },
  message_too_big: { fate: "violation", wireType: "invalid_request_error", closeCode: 1009, retryable: false },
  too_many_errors: { fate: "violation", wireType: "invalid_request_error", closeCode: 1008, retryable: false },
  rate_limited: { fate: "violation", wireType: "rate_limit_error", closeCode: 1008, retryable: true },
  slow_consumer: { fate: "violation", wireType: "server_error", closeCode: 1008, retryable: true },
  origin_not_allowed: { fate: "refusal", wireType: "authentication_error", closeCode: 1008, retryable: false },
  invalid_api_key: { fate: "refusal", wireType: "invalid_request_error", closeCode: 3000, retryable: false },
  insufficient_quota: { fate: "refusal", wireType: "rate_limit_error", closeCode: 1008, retryable: true },
  rate_limit_exceeded: { fate: "refusal", wireType: "rate_limit_error", closeCode: 1013, retryable: true },
  server_busy: { fate: "refusal", wireType: "rate_limit_error", closeCode: 1013, retryable: true },
  server_draining: { fate: "refusal", wireType: "server_error", closeCode: 1012, retryable: true },
  session_expired: { fate: "refusal", wireType: "invalid_request_error", closeCode: 1001, retryable: true },
  idle_timeout: { fate: "refusal", wireType: "invalid_request_error", closeCode: 1001, retryable: true },
  client_secret_not_found: invalid,
  keys_required: { fate: "failure", wireType: "server_error", retryable: false },
  keys_invalid: { fate: "failure", wireType: "server_error", retryable: false },
  engine_loading: serverFailure,
  engine_unavailable: serverFailure,
  engine_failed: serverFailure,
  engine_busy: serverFailure,
  context_length_exceeded: invalid,
  tool_call_invalid: serverFailure,
  tool_call_missing: serverFailure,
  model_file_missing: { fate: "failure", wireType: "server_error", retryable: false },
  model_file_damaged: { fate: "failure", wireType: "server_error", retryable: false },
  model_invalid: { fate: "failure", wireType: "server_error", retryable: false },
  vad_unavailable: serverFailure,
  connection_lost: { fate: "failure", wireType: "server_error", retryable: true },
  internal_error: { fate: "failure", wireType: "server_error", retryable: true },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export interface AloudErrorOptions {
  /** The field of the request that is at fault, as a path: `session.audio.input.format.rate`. */
  readonly param?: string;
  /** How long to wait before trying again, for refusals. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The one error class. `message` says what was expected and what came, with units; it never holds audio, text that a
 * person said or wrote, or a key. `cause` is for the log and never goes out on the wire.
 */
export class AloudError extends Error {
  override readonly name = "AloudError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: AloudErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
  }

  get retryable(): boolean {
    return this.row.retryable;
  }

  /** Turns anything thrown into an AloudError; what is unknown becomes `internal_error` and keeps its cause. */
  static from(thrown: unknown): AloudError {
    if (thrown instanceof AloudError) return thrown;
    return new AloudError("internal_error", "an unexpected error occurred; the server's log has the cause", { cause: thrown });
  }
}
