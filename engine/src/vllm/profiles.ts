/**
 * What the engine must know of a model that a vLLM server runs. Facts and their sources: the model's card, and for Step-Audio-R1
 * StepFun's README and front end. What a profile does not know, the server is asked.
 */
import { SAMPLE_RATE_HZ } from "../engine.ts";
import { segmentThought, type ThoughtSegmenter } from "./segmenter.ts";

export interface VllmProfile {
  readonly name: string;
  /** Whether a served model is of this kind, by its name. */
  readonly matches: RegExp;
  /**
   * How the model thinks: the prompt ends inside `open`, and the output is a thought, `close`, the answer. Without it the model only
   * answers. A server with a reasoning parser may sort the output itself; both are understood.
   */
  readonly thinking?: {
    readonly open: string;
    readonly close: string;
    /** What closes a thought that we end for the model, up to where its answer begins. */
    readonly closing: string;
  };
  /** About this much audio is one content part. Models hear a part as a whole, so shorter ones are prefilled earlier and heard less well. */
  readonly partMs: number;
  /** Tokens of one part, for counting before the server has. */
  readonly audioTokens: (samples: number) => number;
  /** Ends of an answer that the model's `generation_config` may leave out. */
  readonly stopTokenIds: readonly number[];
  readonly temperature: number;
  /** Which channel a sentence of the thought belongs to; one for models whose thinking is one text. */
  readonly segment: ThoughtSegmenter;
}

const seconds = (samples: number) => samples / SAMPLE_RATE_HZ;
const perSecond = (rate: number, markers: number) => (samples: number) => Math.ceil(seconds(samples) * rate) + markers;

/** Step-Audio's front end: 10 ms frames, halved three times, between two markers (mm_step_audio.py of StepFun's vLLM). */
function stepAudioTokens(samples: number): number {
  const encoded = Math.floor((Math.floor((samples + 479) / 160) + 1) / 2 / 2);
  return Math.floor((encoded - 1) / 2) + 1 + 2;
}

function voxtralTokens(samples: number): number {
  return 375 * Math.ceil(seconds(samples) / 30) + 1;
}

const THINK = { open: "<think>\n", close: "</think>", closing: "\n</think>\n\n" } as const;
/** As its training samples have it (arXiv 2511.15848, 3.1). */
const STEP_THINK = { ...THINK, closing: "\n</think>\n" } as const;
const COMMON = { partMs: 2_000, stopTokenIds: [], temperature: 0.7, segment: segmentThought } as const;

export const PROFILES: readonly VllmProfile[] = [
  {
    ...COMMON,
    name: "step-audio-r1",
    matches: /step-?audio-?r1/iu,
    thinking: STEP_THINK,
    audioTokens: stepAudioTokens,
    stopTokenIds: [151_665],
  },
  { ...COMMON, name: "qwen3-omni-thinking", matches: /qwen3-omni.*thinking/iu, thinking: THINK, audioTokens: perSecond(13, 2) },
  { ...COMMON, name: "moss-audio-thinking", matches: /moss-audio.*thinking/iu, thinking: THINK, audioTokens: perSecond(12.5, 2) },
  // Every part is padded to 30 s, so parts of 2 s would cost 375 tokens each.
  { ...COMMON, name: "voxtral", matches: /voxtral/iu, partMs: 28_000, audioTokens: voxtralTokens, temperature: 0.2 },
  { ...COMMON, name: "ultravox", matches: /ultravox/iu, audioTokens: perSecond(6.25, 1) },
  { ...COMMON, name: "qwen2-audio", matches: /qwen2-audio/iu, audioTokens: perSecond(25, 2) },
  // The model of tests/vllm: Qwen2-Audio's front end, Step-Audio-R1's way of thinking.
  { ...COMMON, name: "tiny-audio", matches: /^tiny-audio$/u, thinking: THINK, audioTokens: perSecond(25, 2) },
];

/** For a model that nothing is known of: it answers, and what it thinks is shown if the server marks it. */
export const GENERIC_PROFILE: VllmProfile = { ...COMMON, name: "generic", matches: /^/u, audioTokens: perSecond(25, 2) };

export function profileFor(model: string): VllmProfile {
  return PROFILES.find(({ matches }) => matches.test(model)) ?? GENERIC_PROFILE;
}
