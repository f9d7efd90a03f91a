/**
 * The session object of OpenAI Realtime (GA), as far as Aloud acts on it, with the `audio/opus` input format of `aloud.v1`.
 * `sessionPatch` parses what a client may send in `session.update`; `applySessionPatch` merges it; `DEFAULT_SESSION` is where a session starts.
 */
import { AloudError } from "./errors.ts";
import { array, boolean, nullable, number, object, oneOf, optional, type Parsed, type Parser, string, tagged } from "./schema.ts";

export const MAX_INSTRUCTIONS_LENGTH = 16_384;
const MAX_NAME_LENGTH = 256;

export type AudioFormat = { readonly type: "audio/pcm"; readonly rate: 24_000 } | { readonly type: "audio/opus" };

const audioFormat: Parser<AudioFormat> = tagged(
  "type",
  {
    "audio/pcm": (value, path) => ({
      type: "audio/pcm" as const,
      rate: object({ rate: optional(oneOf(24_000)) })(value, path).rate ?? 24_000,
    }),
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

const reasoning = object({ effort: optional(oneOf("none", "minimal", "low", "medium", "high", "xhigh")) });
export type ReasoningEffort = NonNullable<Parsed<typeof reasoning>["effort"]>;

/** A positive token count, or "inf" for the engine's own bound. */
const maxOutputTokens: Parser<number | "inf"> = (value, path) =>
  value === "inf" ? "inf" : number({ min: 1, max: 4_096, integer: true })(value, path);

export const sessionPatch = object({
  /** Checked first, because a transcription session is another thing (not offered yet). */
  type: optional(oneOf("realtime")),
  model: optional(string(MAX_NAME_LENGTH)),
  instructions: optional(string(MAX_INSTRUCTIONS_LENGTH)),
  output_modalities: optional(array(oneOf("text", "audio"), 2)),
  max_output_tokens: optional(maxOutputTokens),
  reasoning: optional(nullable(reasoning)),
  audio: optional(
    object({
      input: optional(
        object({
          format: optional(audioFormat),
          transcription: optional(nullable(object({ model: optional(string(MAX_NAME_LENGTH)), language: optional(string(35)) }))),
          turn_detection: optional(nullable(turnDetection)),
        }),
      ),
    }),
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
  readonly inputFormat: AudioFormat;
  readonly transcription: { readonly model: string; readonly language: string | undefined } | null;
  readonly turnDetection: TurnDetection | null;
}

export const DEFAULT_SERVER_VAD = {
  type: "server_vad",
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
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

/**
 * The session after a `session.update`. Absent keys keep their value; `null` clears where the schema allows it.
 * Asking for audio out is accepted and answered with text, which is what the returned session then says (docs/protocol.md).
 * @param dialect refuses `audio/opus` on a connection that did not offer `aloud.v1`.
 * @throws AloudError `unsupported_value`
 */
export function applySessionPatch(current: SessionConfig, patch: SessionPatch, dialect: "realtime" | "aloud"): SessionConfig {
  const input = patch.audio?.input;
  if (input?.format?.type === "audio/opus" && dialect !== "aloud") {
    throw new AloudError(
      "unsupported_value",
      'session.audio.input.format.type: "audio/opus" needs the subprotocol aloud.v1; expected "audio/pcm"',
      {
        param: "session.audio.input.format.type",
      },
    );
  }
  return {
    model: current.model,
    instructions: patch.instructions ?? current.instructions,
    outputModalities: ["text"],
    maxOutputTokens: patch.max_output_tokens ?? current.maxOutputTokens,
    reasoningEffort: patch.reasoning === null ? "medium" : (patch.reasoning?.effort ?? current.reasoningEffort),
    inputFormat: input?.format ?? current.inputFormat,
    transcription:
      input?.transcription === undefined
        ? current.transcription
        : input.transcription && { model: input.transcription.model ?? current.model, language: input.transcription.language },
    turnDetection:
      input?.turn_detection === undefined
        ? current.turnDetection
        : input.turn_detection && completeTurnDetection(input.turn_detection, current.turnDetection),
  };
}
