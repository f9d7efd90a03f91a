/**
 * The large models that Aloud knows how to serve, as facts: shapes from their published configurations, weights as published, each with its
 * source. Nothing here is computed; `memory.ts` does that. A figure that is not from the publisher says so.
 */

/** How weights are stored: bits of one weight of a quantised matrix, its scales included. */
export const PRECISIONS = {
  bf16: { label: "bf16", bits: 16 },
  fp8: { label: "fp8", bits: 8 },
  nvfp4: { label: "nvfp4", bits: 4.5 },
  awq: { label: "awq 4-bit", bits: 4.625 },
  bnb4: { label: "bnb 4-bit", bits: 4.25 },
} as const;
export type Precision = keyof typeof PRECISIONS;

/** Compute capability that bf16 needs, in which every build here computes; older cards would need other builds (T4, V100). */
export const MIN_CAPABILITY = 8.0;

export interface Build {
  readonly precision: Precision;
  /** Repository at Hugging Face. */
  readonly repository: string;
  /**
   * `published`: by the model's makers, as it is. `community`: quantised weights that somebody else published. `online`: vLLM quantises while
   * it loads. `experimental`: reported by somebody, with no figure for its accuracy; never chosen unasked.
   */
  readonly origin: "published" | "community" | "online" | "experimental";
  /** Only one GPU: the quantisation does not split. */
  readonly oneGpu?: true;
}

/** `stepfun`: StepFun's image (vLLM 0.10.1.1). `vllm`: a released vLLM with its audio extras. */
export type ServerKind = "stepfun" | "vllm";

export interface Model {
  readonly id: string;
  readonly name: string;
  readonly thinks: boolean;
  readonly server: ServerKind;
  /** Matrices that quantisation shrinks and tensor parallelism splits. */
  readonly linearParams: number;
  /** Embedding and head: split, never quantised. */
  readonly embeddingParams: number;
  /** Encoders and adapter: a whole copy in bf16 on every GPU. */
  readonly replicatedParams: number;
  /** Parameters of `linearParams` that one token uses; differs for mixtures of experts. */
  readonly activeLinearParams: number;
  readonly layers: number;
  readonly hidden: number;
  /** Width of the feed-forward part that one token passes through. */
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  /** Heads of an encoder that vLLM splits as well: the degree must divide them, too. */
  readonly encoderHeads?: number;
  /** Longest context the model was made for. */
  readonly maxContext: number;
  readonly audioTokensPerSecond: number;
  /** Tokens of one usual train of thought. */
  readonly thinkTokens: number;
  readonly builds: readonly Build[];
  readonly flags: readonly string[];
  /** Must know before downloading; empty when there is nothing. */
  readonly caution: string;
  readonly source: string;
}

const B = 1e9;

/** Decoder Qwen2.5-32B, front end of Step-Audio 2; 33.49 B parameters, 67 GB in bf16. */
const STEP_AUDIO_R1 = {
  thinks: true,
  server: "stepfun",
  linearParams: 31.2 * B,
  embeddingParams: 1.63 * B,
  replicatedParams: 0.658 * B,
  activeLinearParams: 31.2 * B,
  layers: 64,
  hidden: 5_120,
  feedForward: 27_648,
  heads: 40,
  kvHeads: 8,
  headDim: 128,
  vocabulary: 158_720,
  maxContext: 65_536,
  audioTokensPerSecond: 12.5,
  thinkTokens: 2_800,
  flags: ["--trust-remote-code", "--interleave-mm-strings"],
  caution: "",
  source: "config_origin.json at Hugging Face; 40 heads from a port; thinking length: arXiv 2511.15848",
} as const;

/** Best first: what `aloud plan` proposes is the first that fits. */
export const MODELS: readonly Model[] = [
  {
    ...STEP_AUDIO_R1,
    id: "step-audio-r1.1",
    name: "Step-Audio-R1.1",
    builds: [
      { precision: "bf16", repository: "stepfun-ai/Step-Audio-R1.1", origin: "published" },
      { precision: "fp8", repository: "stepfun-ai/Step-Audio-R1.1", origin: "online" },
      { precision: "bnb4", repository: "stepfun-ai/Step-Audio-R1.1", origin: "experimental", oneGpu: true },
    ],
  },
  {
    ...STEP_AUDIO_R1,
    id: "step-audio-r1",
    name: "Step-Audio-R1",
    builds: [
      { precision: "bf16", repository: "stepfun-ai/Step-Audio-R1", origin: "published" },
      { precision: "fp8", repository: "stepfun-ai/Step-Audio-R1", origin: "online" },
      { precision: "nvfp4", repository: "TransWithAI/Step-Audio-R1-NVFP4A16", origin: "community" },
    ],
  },
  {
    id: "qwen3-omni",
    name: "Qwen3-Omni-30B-A3B-Thinking",
    thinks: true,
    server: "vllm",
    linearParams: 29.9 * B,
    embeddingParams: 0.62 * B,
    replicatedParams: 1.19 * B,
    activeLinearParams: 2.72 * B,
    layers: 48,
    hidden: 2_048,
    feedForward: 6_144,
    heads: 32,
    kvHeads: 4,
    headDim: 128,
    vocabulary: 152_064,
    maxContext: 65_536,
    audioTokensPerSecond: 13,
    thinkTokens: 2_800,
    builds: [
      { precision: "bf16", repository: "Qwen/Qwen3-Omni-30B-A3B-Thinking", origin: "published" },
      { precision: "fp8", repository: "Qwen/Qwen3-Omni-30B-A3B-Thinking", origin: "online" },
      { precision: "awq", repository: "cyankiwi/Qwen3-Omni-30B-A3B-Thinking-AWQ-4bit", origin: "community" },
    ],
    flags: ["--reasoning-parser", "qwen3"],
    caution: "",
    source: "config.json at Hugging Face (48 layers, 128 experts of 768, 8 used, 32/4 heads); README: 68.74 GB with 15 s of video",
  },
  {
    id: "moss-audio-8b",
    name: "MOSS-Audio-8B-Thinking",
    thinks: true,
    server: "vllm",
    linearParams: 6.95 * B,
    embeddingParams: 1.245 * B,
    replicatedParams: 0.41 * B,
    activeLinearParams: 6.95 * B,
    layers: 36,
    hidden: 4_096,
    feedForward: 12_288,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 151_936,
    encoderHeads: 20,
    maxContext: 32_768,
    audioTokensPerSecond: 12.5,
    thinkTokens: 2_000,
    builds: [{ precision: "bf16", repository: "OpenMOSS-Team/MOSS-Audio-8B-Thinking", origin: "published" }],
    flags: ["--trust-remote-code", "--reasoning-parser", "qwen3"],
    caution: "",
    source: "model card (8.6 B, 17 GB); decoder Qwen3-8B, encoder of 20 heads; context and thinking length are our assumptions",
  },
  {
    id: "moss-audio-4b",
    name: "MOSS-Audio-4B-Thinking",
    thinks: true,
    server: "vllm",
    linearParams: 3.63 * B,
    embeddingParams: 0.389 * B,
    replicatedParams: 0.58 * B,
    activeLinearParams: 3.63 * B,
    layers: 36,
    hidden: 2_560,
    feedForward: 9_728,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 151_936,
    encoderHeads: 20,
    maxContext: 32_768,
    audioTokensPerSecond: 12.5,
    thinkTokens: 2_000,
    builds: [{ precision: "bf16", repository: "OpenMOSS-Team/MOSS-Audio-4B-Thinking", origin: "published" }],
    flags: ["--trust-remote-code", "--reasoning-parser", "qwen3"],
    caution: "",
    source: "model card (4.6 B, 9 GB); decoder Qwen3-4B, encoder of 20 heads; context and thinking length are our assumptions",
  },
  {
    id: "voxtral-small",
    name: "Voxtral-Small-24B",
    thinks: false,
    server: "vllm",
    linearParams: 22.23 * B,
    embeddingParams: 1.34 * B,
    replicatedParams: 0.69 * B,
    activeLinearParams: 22.23 * B,
    layers: 40,
    hidden: 5_120,
    feedForward: 32_768,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 131_072,
    encoderHeads: 20,
    maxContext: 32_768,
    audioTokensPerSecond: 12.5,
    thinkTokens: 0,
    builds: [
      { precision: "bf16", repository: "mistralai/Voxtral-Small-24B-2507", origin: "published" },
      { precision: "fp8", repository: "mistralai/Voxtral-Small-24B-2507", origin: "online" },
    ],
    flags: ["--tokenizer-mode", "mistral", "--config-format", "mistral", "--load-format", "mistral"],
    caution: "",
    source: "params.json at Hugging Face; card: about 55 GB of GPU memory in bf16",
  },
  {
    id: "ultravox",
    name: "Ultravox-v0.5-Llama-3.1-8B",
    thinks: false,
    server: "vllm",
    linearParams: 6.98 * B,
    embeddingParams: 1.05 * B,
    replicatedParams: 0.69 * B,
    activeLinearParams: 6.98 * B,
    layers: 32,
    hidden: 4_096,
    feedForward: 14_336,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 128_256,
    maxContext: 131_072,
    audioTokensPerSecond: 6.25,
    thinkTokens: 0,
    builds: [{ precision: "bf16", repository: "fixie-ai/ultravox-v0_5-llama-3_1-8b", origin: "published" }],
    flags: ["--trust-remote-code"],
    caution: "its decoder is Llama 3.1: accept Meta's licence at Hugging Face first and set HF_TOKEN",
    source: "config.json of Llama-3.1-8B and whisper-large-v3-turbo",
  },
  {
    id: "voxtral-mini",
    name: "Voxtral-Mini-3B",
    thinks: false,
    server: "vllm",
    linearParams: 3.21 * B,
    embeddingParams: 0.806 * B,
    replicatedParams: 0.66 * B,
    activeLinearParams: 3.21 * B,
    layers: 30,
    hidden: 3_072,
    feedForward: 8_192,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 131_072,
    encoderHeads: 20,
    maxContext: 32_768,
    audioTokensPerSecond: 12.5,
    thinkTokens: 0,
    builds: [{ precision: "bf16", repository: "mistralai/Voxtral-Mini-3B-2507", origin: "published" }],
    flags: ["--tokenizer-mode", "mistral", "--config-format", "mistral", "--load-format", "mistral"],
    caution: "",
    source: "params.json at Hugging Face; card: about 9.5 GB of GPU memory in bf16",
  },
  {
    id: "qwen2-audio",
    name: "Qwen2-Audio-7B-Instruct",
    thinks: false,
    server: "vllm",
    linearParams: 6.476 * B,
    embeddingParams: 1.278 * B,
    replicatedParams: 0.643 * B,
    activeLinearParams: 6.476 * B,
    layers: 32,
    hidden: 4_096,
    feedForward: 11_008,
    heads: 32,
    kvHeads: 32,
    headDim: 128,
    vocabulary: 156_032,
    maxContext: 8_192,
    audioTokensPerSecond: 25,
    thinkTokens: 0,
    builds: [{ precision: "bf16", repository: "Qwen/Qwen2-Audio-7B-Instruct", origin: "published" }],
    flags: [],
    caution: "",
    source: "config.json at Hugging Face (8.4 B parameters; 32 of 32 heads keep keys and values)",
  },
];

/** By id, name, or repository, in any case; also the unambiguous beginning of one. */
export function findModel(text: string): Model | undefined {
  const wanted = text.toLowerCase();
  const names = (model: Model) =>
    [model.id, model.name, ...model.builds.map(({ repository }) => repository)].map((name) => name.toLowerCase());
  const exact = MODELS.find((model) => names(model).includes(wanted));
  if (exact !== undefined) return exact;
  const begun = MODELS.filter((model) => names(model).some((name) => name.startsWith(wanted)));
  return begun.length === 1 ? begun[0] : undefined;
}
