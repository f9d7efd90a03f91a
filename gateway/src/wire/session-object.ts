/** The session as `session.created` and `session.updated` show it. Keys that clients look for are there even when they mean nothing here. */
import type { AloudError, ErrorBody, SessionConfig, SessionObject } from "@aloud/client/protocol";

export function sessionObject(id: string, session: SessionConfig, expiresAt: number): SessionObject {
  const { transcription } = session;
  return {
    object: "realtime.session",
    type: "realtime",
    id,
    model: session.model,
    instructions: session.instructions,
    output_modalities: session.outputModalities,
    max_output_tokens: session.maxOutputTokens,
    reasoning: { effort: session.reasoningEffort },
    tools: session.tools,
    tool_choice: session.toolChoice,
    parallel_tool_calls: session.parallelToolCalls,
    truncation: session.truncation,
    tracing: null,
    include: null,
    prompt: null,
    expires_at: expiresAt,
    audio: {
      input: {
        format: session.inputFormat,
        transcription: transcription && {
          model: transcription.model,
          ...(transcription.language !== undefined && { language: transcription.language }),
        },
        noise_reduction: null,
        turn_detection: session.turnDetection,
      },
      output: { format: { type: "audio/pcm", rate: 24_000 }, voice: "none", speed: 1 },
    },
  };
}

/** @param eventId the client's event that is at fault */
export function errorBody(error: AloudError, eventId: string | undefined): ErrorBody {
  return { type: error.row.wireType, code: error.code, message: error.message, param: error.param ?? null, event_id: eventId ?? null };
}
