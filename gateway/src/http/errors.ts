/** Errors as HTTP says them: a status, OpenAI's body, and when to come back. */
import type { AloudError, ErrorCode } from "@aloud/client/protocol";

const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_api_key: 401,
  origin_not_allowed: 403,
  client_secret_not_found: 404,
  message_too_big: 413,
  insufficient_quota: 429,
  rate_limit_exceeded: 429,
  server_busy: 503,
  server_draining: 503,
  internal_error: 500,
};

export interface HttpError {
  readonly status: number;
  readonly body: {
    readonly error: { readonly type: string; readonly code: string; readonly message: string; readonly param: string | null };
  };
  readonly retryAfterMs: number | undefined;
}

export function answerOf(error: AloudError): HttpError {
  const { code, message, row, param, retryAfterMs } = error;
  const status = STATUS[code] ?? (row.wireType === "server_error" ? 500 : 400);
  return { status, body: { error: { type: row.wireType, code, message, param: param ?? null } }, retryAfterMs };
}

/** `Retry-After` counts in whole seconds, at least one. */
export function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
