/**
 * The session object of OpenAI Realtime (GA), as far as Aloud acts on it, with the `audio/opus` input format of `aloud.v1`.
 * `sessionPatch` parses what a client may send in `session.update`; `applySessionPatch` merges it; `defaultSession` is where a session starts.
 * In a patch an absent key keeps its value; `""`, `[]` and `null` clear it.
 */
import { AloudError } from "./errors.ts";
import {
  array,
  boolean,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Parsed,
  type Parser,
  string,
  tagged,
  unsupported,
} from "./schema.ts";
import { checkToolChoice, type FunctionTool, isAvailable, type ToolChoice, toolChoice, tools } from "./tools.ts";

export const MAX_INSTRUCTIONS_LENGTH = 16_384;
const MAX_NAME_LENGTH = 256;

/** G.711 comes at 8 kHz, one byte a sample. */
export type AudioFormat =
  | { readonly type: "audio/pcm"; readonly rate: 24_000 }
  | { readonly type: "audio/pcmu" }
  | { readonly type: "audio/pcma" }
  | { readonly type: "audio/opus" };

const audioFormat: Parser<AudioFormat> = tagged(
  "type",
  {
    "audio/pcm": (value, path) => ({
      type: "audio/pcm" as const,
      rate: object({ rate: optional(oneOf(24_000)) })(value, path).rate ?? 24_000,
    }),
    "audio/pcmu": () => ({ type: "audio/pcmu" as const }),
    "audio/pcma": () => ({ type: "audio/pcma" as const }),
    "audio/opus": () => ({ type: "audio/opus" as const }),
  },
  "unsupported_value",
);

const turnDetection = tagged("type", {
  server_vad: object({
    type: oneOf("server_vad"),
    /** Speech probability above which a window counts as speech, 0 to 1. */
    threshold: optional(number({ min: 0, max: 1 })),
    /** Audio kept from before the detected start of speech. */
    prefix_padding_ms: optional(number({ min: 0, max: 2_000 })),
    /** Silence that ends the turn. */
    silence_duration_ms: optional(number({ min: 100, max: 10_000 })),
    /** After a response and this long without speech the model speaks up by itself; `null`: it does not. */
    idle_timeout_ms: optional(nullable(number({ min: 1_000, max: 600_000 }))),
    create_response: optional(boolean),
    interrupt_response: optional(boolean),
  }),
  semantic_vad: object({
    type: oneOf("semantic_vad"),
    eagerness: optional(oneOf("low", "medium", "high", "auto")),
    create_response: optional(boolean),
    interrupt_response: optional(boolean),
  }),
});
export type TurnDetectionPatch = Parsed<typeof turnDetection>;

export const reasoning = object({ effort: optional(nullable(oneOf("none", "minimal", "low", "medium", "high", "xhigh"))) });
export type ReasoningEffort = NonNullable<Parsed<typeof reasoning>["effort"]>;

/** A positive token count, or "inf" for the engine's own bound. */
export const maxOutputTokens: Parser<number | "inf"> = (value, path) =>
  value === "inf" ? "inf" : number({ min: 1, max: 4_096, integer: true })(value, path);

/** Text comes out whatever is asked for (docs/protocol.md), so that a client which leaves this at its default is served. */
export const outputModalities = array(oneOf("text", "audio"), 2);

export const prompt = nullable(unsupported("prompt templates are kept by OpenAI; expected null, and the text in `instructions`"));

/** What to do when the conversation outgrows the model's context. */
export type Truncation =
  | "auto"
  | "disabled"
  | {
      readonly type: "retention_ratio";
      /** Part of the limit that is kept when it is exceeded, 0 to 1. */
      readonly retention_ratio: number;
      /** Tokens that the conversation may have besides instructions and tools. */
      readonly token_limits?: { readonly post_instructions?: number };
    };

const retentionRatio = object({
  type: oneOf("retention_ratio"),
  retention_ratio: number({ min: 0, max: 1 }),
  token_limits: optional(object({ post_instructions: optional(number({ min: 1, max: 1_000_000, integer: true })) })),
});
const truncation: Parser<Truncation> = (value, path) =>
  typeof value === "string" ? oneOf("auto", "disabled")(value, path) : (retentionRatio(value, path) as Truncation);

const sessionType: Parser<"realtime"> = (value, path) => {
  if (value === "transcription")
    throw new AloudError("unsupported_value", `${path}: transcription sessions are not offered; expected "realtime"`, { param: path });
  return oneOf("realtime")(value, path);
};
const LOGPROBS = "log probabilities of transcripts are not given; expected []";

export const sessionPatch = object({
  /** Checked first, because a transcription session is another thing. */
  type: optional(sessionType),
  model: optional(nullable(string(MAX_NAME_LENGTH))),
  instructions: optional(nullable(string(MAX_INSTRUCTIONS_LENGTH))),
  output_modalities: optional(nullable(outputModalities)),
  max_output_tokens: optional(nullable(maxOutputTokens)),
  reasoning: optional(nullable(reasoning)),
  tools: optional(nullable(tools)),
  tool_choice: optional(nullable(toolChoice)),
  parallel_tool_calls: optional(nullable(boolean)),
  truncation: optional(nullable(truncation)),
  prompt: optional(prompt),
  include: optional(nullable(array(unsupported(LOGPROBS), 8))),
  audio: optional(
    nullable(
      object({
        input: optional(
          nullable(
            object({
              format: optional(nullable(audioFormat)),
              transcription: optional(
                nullable(object({ model: optional(nullable(string(MAX_NAME_LENGTH))), language: optional(nullable(string(35))) })),
              ),
              turn_detection: optional(nullable(turnDetection)),
            }),
          ),
        ),
      }),
    ),
  ),
});
export type SessionPatch = Parsed<typeof sessionPatch>;

/** Turn detection with every default filled in. `null` means push-to-talk. */
export type TurnDetection =
  | {
      readonly type: "server_vad";
      readonly threshold: number;
      readonly prefix_padding_ms: number;
      readonly silence_duration_ms: number;
      readonly idle_timeout_ms: number | null;
      readonly create_response: boolean;
      readonly interrupt_response: boolean;
    }
  | {
      readonly type: "semantic_vad";
      readonly eagerness: "low" | "medium" | "high" | "auto";
      readonly create_response: boolean;
      readonly interrupt_response: boolean;
    };

/** What a session is set to. The gateway owns it; clients see it in `session.created` and `session.updated`. */
export interface SessionConfig {
  readonly model: string;
  readonly instructions: string;
  readonly outputModalities: readonly ["text"];
  readonly maxOutputTokens: number | "inf";
  readonly reasoningEffort: ReasoningEffort;
  readonly tools: readonly FunctionTool[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly truncation: Truncation;
  readonly inputFormat: AudioFormat;
  readonly transcription: { readonly model: string; readonly language: string | undefined } | null;
  readonly turnDetection: TurnDetection | null;
}

export const DEFAULT_SERVER_VAD = {
  type: "server_vad",
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
} as const satisfies TurnDetection;

export function defaultSession(model: string): SessionConfig {
  return {
    model,
    instructions: "",
    outputModalities: ["text"],
    maxOutputTokens: "inf",
    reasoningEffort: "medium",
    tools: [],
    toolChoice: "auto",
    parallelToolCalls: true,
    truncation: "auto",
    inputFormat: { type: "audio/pcm", rate: 24_000 },
    transcription: null,
    turnDetection: DEFAULT_SERVER_VAD,
  };
}

function completeTurnDetection(patch: TurnDetectionPatch, current: TurnDetection | null): TurnDetection {
  if (patch.type === "semantic_vad") {
    return {
      type: "semantic_vad",
      eagerness: patch.eagerness ?? "auto",
      create_response: patch.create_response ?? true,
      interrupt_response: patch.interrupt_response ?? true,
    };
  }
  const base = current?.type === "server_vad" ? current : DEFAULT_SERVER_VAD;
  return { ...base, ...patch };
}

/** `undefined` keeps, `null` clears, anything else replaces. */
function replaced<T>(current: T, patch: T | null | undefined, cleared: T): T {
  return patch === undefined ? current : (patch ?? cleared);
}

/**
 * The session after a `session.update`.
 * Asking for audio out is accepted and answered with text, which is what the returned session then says (docs/protocol.md).
 * @param dialect refuses `audio/opus` on a connection that did not offer `aloud.v1`.
 * @throws AloudError `unsupported_value`; `invalid_value` for a choice of a tool that is not declared. Nothing has changed then.
 */
export function applySessionPatch(current: SessionConfig, patch: SessionPatch, dialect: "realtime" | "aloud"): SessionConfig {
  const input = patch.audio?.input;
  if (input?.format?.type === "audio/opus" && dialect !== "aloud") {
    throw new AloudError(
      "unsupported_value",
      'session.audio.input.format.type: "audio/opus" needs the subprotocol aloud.v1; expected "audio/pcm", "audio/pcmu" or "audio/pcma"',
      { param: "session.audio.input.format.type" },
    );
  }
  const defaults = defaultSession(current.model);
  const session: SessionConfig = {
    model: current.model,
    instructions: replaced(current.instructions, patch.instructions, defaults.instructions),
    outputModalities: ["text"],
    maxOutputTokens: replaced(current.maxOutputTokens, patch.max_output_tokens, defaults.maxOutputTokens),
    reasoningEffort: patch.reasoning === undefined ? current.reasoningEffort : (patch.reasoning?.effort ?? defaults.reasoningEffort),
    tools: replaced(current.tools, patch.tools, defaults.tools),
    toolChoice: replaced(current.toolChoice, patch.tool_choice, defaults.toolChoice),
    parallelToolCalls: replaced(current.parallelToolCalls, patch.parallel_tool_calls, defaults.parallelToolCalls),
    truncation: replaced(current.truncation, patch.truncation, defaults.truncation),
    inputFormat: replaced(current.inputFormat, input?.format, defaults.inputFormat),
    transcription:
      input?.transcription === undefined
        ? current.transcription
        : input.transcription && {
            model: input.transcription.model ?? current.model,
            language: input.transcription.language ?? undefined,
          },
    turnDetection:
      input?.turn_detection === undefined
        ? current.turnDetection
        : input.turn_detection && completeTurnDetection(input.turn_detection, current.turnDetection),
  };
  if (patch.tool_choice) checkToolChoice(session.toolChoice, session.tools, "session.tool_choice");
  // The tool that was chosen is gone, and nobody said what to do instead.
  return isAvailable(session.toolChoice, session.tools) ? session : { ...session, toolChoice: "auto" };
}
