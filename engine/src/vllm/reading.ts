/** What a chat completion's stream says, event by event. The server is another machine: everything is checked, nothing is assumed. Pure. */
import { isRecord } from "@aloud/client/protocol";

export interface ServerUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Absent without `--enable-prompt-tokens-details`, and before the last event. */
  readonly cachedTokens: number | undefined;
  /** Whether the server sorts reasoning from answer: only then it counts the tokens of either. */
  readonly isSorted: boolean;
}

export interface CallPiece {
  readonly index: number;
  readonly name: string;
  readonly arguments: string;
}

export type StreamPiece =
  | { readonly type: "error"; readonly status: number; readonly message: string }
  | {
      readonly type: "piece";
      /** Sorted out by the server: `reasoning`, or `reasoning_content` before vLLM 0.11. */
      readonly reasoning: string;
      readonly content: string;
      readonly calls: readonly CallPiece[];
      readonly finish: string | undefined;
      readonly usage: ServerUsage | undefined;
    };

/** @returns undefined for an event that says nothing: not JSON, or of another kind */
export function readPiece(data: string): StreamPiece | undefined {
  const event = parse(data);
  if (!isRecord(event)) return undefined;
  if ("error" in event) return { type: "error", ...readError(event, 500) };
  const choice = Array.isArray(event.choices) ? event.choices[0] : undefined;
  const delta = isRecord(choice) && isRecord(choice.delta) ? choice.delta : {};
  return {
    type: "piece",
    reasoning: text(delta.reasoning) || text(delta.reasoning_content),
    content: text(delta.content),
    calls: Array.isArray(delta.tool_calls) ? delta.tool_calls.flatMap(readCall) : [],
    finish: isRecord(choice) && typeof choice.finish_reason === "string" ? choice.finish_reason : undefined,
    usage: readUsage(event.usage),
  };
}

/** vLLM answers in three shapes: `{error: {message, code}}`, `{error: "Unauthorized"}` and `{detail: "Not Found"}`. */
export function readError(body: unknown, status: number): { status: number; message: string } {
  const record = isRecord(body) ? body : {};
  const error = isRecord(record.error) ? record.error : undefined;
  const message = text(error?.message) || text(record.error) || text(record.message) || text(record.detail) || `HTTP ${status}`;
  return { status: typeof error?.code === "number" ? error.code : status, message };
}

function readUsage(usage: unknown): ServerUsage | undefined {
  if (!isRecord(usage) || typeof usage.prompt_tokens !== "number") return undefined;
  const details = isRecord(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  return {
    promptTokens: usage.prompt_tokens,
    completionTokens: typeof usage.completion_tokens === "number" ? usage.completion_tokens : 0,
    isSorted: isRecord(usage.completion_tokens_details),
    cachedTokens: typeof details.cached_tokens === "number" ? details.cached_tokens : undefined,
  };
}

function readCall(call: unknown, at: number): CallPiece[] {
  if (!isRecord(call)) return [];
  const called = isRecord(call.function) ? call.function : {};
  return [{ index: typeof call.index === "number" ? call.index : at, name: text(called.name), arguments: text(called.arguments) }];
}

const text = (value: unknown) => (typeof value === "string" ? value : "");

export function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
