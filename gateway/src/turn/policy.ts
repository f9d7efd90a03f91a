/** What a session's settings mean for its turns. */
import type { SessionConfig, TurnDetection } from "@aloud/client/protocol";
import { MAX_TURN_AUDIO_MS } from "../limits.ts";
import type { Voice } from "./turn.ts";

export interface Policy {
  readonly endpoint:
    | { readonly type: "silence"; readonly ms: number }
    /**
     * `minMs` once the model's score reaches `threshold`; below it the longer the lower, up to `maxMs` at 0; `usualMs` when the model gives
     * no score.
     */
    | { readonly type: "semantic"; readonly threshold: number; readonly minMs: number; readonly usualMs: number; readonly maxMs: number };
  readonly createResponse: boolean;
  readonly interruptResponse: boolean;
  readonly speculate: boolean;
  /** After a response and this long without speech the model speaks up; undefined: it does not. */
  readonly idleTimeoutMs: number | undefined;
  readonly requireWords: boolean;
  /** A pause in which no audio comes at all ends the turn after this long on the wall clock. */
  readonly stallMs: number;
  readonly maxTurnMs: number;
}

/** The longest waits are OpenAI's. */
const EAGERNESS = {
  high: { threshold: 0.3, minMs: 200, usualMs: 500, maxMs: 2_000 },
  medium: { threshold: 0.5, minMs: 300, usualMs: 800, maxMs: 4_000 },
  auto: { threshold: 0.5, minMs: 300, usualMs: 800, maxMs: 4_000 },
  low: { threshold: 0.7, minMs: 500, usualMs: 1_500, maxMs: 8_000 },
} as const;

/** A network that stalls mid-sentence is more likely than a client that sends no silence: be patient. */
const STALL_MS = 2_000;

export function policyFor(
  session: Pick<SessionConfig, "turnDetection">,
  switches: { readonly speculate: boolean; readonly requireWords: boolean },
): Policy {
  const detection = session.turnDetection;
  const common = { ...switches, maxTurnMs: MAX_TURN_AUDIO_MS };
  // Push-to-talk: the VAD does not run, so the endpoint never comes from it.
  if (detection === null)
    return {
      ...common,
      endpoint: { type: "silence", ms: 500 },
      createResponse: false,
      interruptResponse: false,
      idleTimeoutMs: undefined,
      stallMs: STALL_MS,
    };
  const endpoint = endpointOf(detection);
  return {
    ...common,
    endpoint,
    createResponse: detection.create_response,
    interruptResponse: detection.interrupt_response,
    idleTimeoutMs: detection.type === "server_vad" ? (detection.idle_timeout_ms ?? undefined) : undefined,
    stallMs: STALL_MS + (endpoint.type === "silence" ? endpoint.ms : endpoint.maxMs),
  };
}

function endpointOf(detection: TurnDetection): Policy["endpoint"] {
  if (detection.type === "server_vad") return { type: "silence", ms: detection.silence_duration_ms };
  return { type: "semantic", ...EAGERNESS[detection.eagerness] };
}

/** Silence that ends the turn. */
export function silenceMs({ endpoint }: Policy, endOfTurn: number | undefined): number {
  if (endpoint.type === "silence") return endpoint.ms;
  if (endOfTurn === undefined) return endpoint.usualMs;
  const doubt = Math.max(0, 1 - endOfTurn / endpoint.threshold);
  return endpoint.minMs + doubt * (endpoint.maxMs - endpoint.minMs);
}

/** Speech windows (32 ms) and mean probability from which sound counts as a voice although no word was made out. */
const CLEAR_VOICE_WINDOWS = 20;
const CLEAR_VOICE_PROBABILITY = 0.8;

/**
 * Whether a turn deserves an answer whatever the model made of it: somebody is clearly speaking, and if no word was understood the model says so
 * honestly. Anything else (a cough, a chord, a door, but also a single short word) deserves one if the model hears words in it.
 */
export function verdict(policy: Policy, voice: Voice): "answer" | "unsure" {
  if (!policy.requireWords) return "answer";
  const clear = voice.windows >= CLEAR_VOICE_WINDOWS && voice.probabilitySum / voice.windows >= CLEAR_VOICE_PROBABILITY;
  return clear ? "answer" : "unsure";
}
