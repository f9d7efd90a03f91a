/** The arithmetic of docs/plan.md: what a model takes on each of `degree` equal GPUs, and how many tokens fit beside it. Pure. */
import { type Model, PRECISIONS, type Precision } from "./models.ts";

export const GIB = 2 ** 30;
/** vLLM hands out its key-value cache in blocks of this many tokens on GPUs. */
export const BLOCK_TOKENS = 16;
/** Part of a card that vLLM may use (`--gpu-memory-utilization`). */
export const UTILISATION = 0.92;
/** CUDA context and NCCL buffers / captured graphs / one batch of audio in the encoder. Estimates; their sum is held to a floor. */
const CONTEXT_GIB = 0.6;
const GRAPHS_GIB = 0.5;
const ENCODER_GIB = 0.25;
const MIN_RESERVE_GIB = 2.5;
/** Keys and values stay in bf16: fp8 would double the tokens, at a cost in accuracy that nobody has measured for these models. */
const KV_BYTES = 2;
/** What vLLM batches in one step by default: 8192 on cards of 70 GiB and more, else 2048. */
const LARGE_CARD_GIB = 70;

/** Bytes of one token's keys and values over the whole model. */
export function kvBytesPerToken(model: Model): number {
  return 2 * model.layers * model.kvHeads * model.headDim * KV_BYTES;
}

/** On each GPU. Heads are split; when there are fewer than GPUs, each GPU keeps a copy of one. */
export function kvBytesPerTokenPerGpu(model: Model, degree: number): number {
  return 2 * model.layers * Math.max(1, model.kvHeads / degree) * model.headDim * KV_BYTES;
}

/** What is downloaded and read, over all GPUs. */
export function weightBytes(model: Model, precision: Precision): number {
  return linearBytes(model.linearParams, precision) + 2 * (model.embeddingParams + model.replicatedParams);
}

export function weightBytesPerGpu(model: Model, precision: Precision, degree: number): number {
  return (linearBytes(model.linearParams, precision) + 2 * model.embeddingParams) / degree + 2 * model.replicatedParams;
}

/** Weights that one decoded token reads on each GPU: a lower bound for the time of a step. */
export function bytesReadPerTokenPerGpu(model: Model, precision: Precision, degree: number): number {
  return (linearBytes(model.activeLinearParams, precision) + model.embeddingParams) / degree;
}

function linearBytes(params: number, precision: Precision): number {
  return (params * PRECISIONS[precision].bits) / 8;
}

export function batchedTokens(usableGib: number): number {
  return usableGib >= LARGE_CARD_GIB ? 8_192 : 2_048;
}

/** Everything on a GPU that is neither weights nor cache. */
export function reserveBytes(model: Model, degree: number, usableGib: number): number {
  const activations = batchedTokens(usableGib) * ((2 * model.feedForward) / degree + 4 * model.hidden) * 2;
  return Math.max(MIN_RESERVE_GIB * GIB, (CONTEXT_GIB + GRAPHS_GIB + ENCODER_GIB) * GIB + activations);
}

/** Heads, and those of an encoder that is split as well, must divide evenly; so must the heads that keep keys and values, or be copied evenly. */
export function degreeDivides(model: Model, degree: number): boolean {
  const even = model.kvHeads % degree === 0 || degree % model.kvHeads === 0;
  return model.heads % degree === 0 && even && model.feedForward % degree === 0 && (model.encoderHeads ?? degree) % degree === 0;
}

export interface Budget {
  readonly usableBytes: number;
  readonly weightBytes: number;
  readonly reserveBytes: number;
  /** Left for keys and values; negative when the weights alone are too large. */
  readonly kvBytes: number;
  /** Whole blocks only; 0 when nothing is left. */
  readonly kvTokens: number;
}

/** Per GPU, but `kvTokens` is of the server: every GPU holds a part of each token. */
export function budget(model: Model, precision: Precision, degree: number, usableGib: number): Budget {
  const usableBytes = usableGib * GIB * UTILISATION;
  const weights = weightBytesPerGpu(model, precision, degree);
  const reserve = reserveBytes(model, degree, usableGib);
  const kvBytes = usableBytes - weights - reserve;
  const blockBytes = kvBytesPerTokenPerGpu(model, degree) * BLOCK_TOKENS;
  const kvTokens = Math.max(0, Math.floor(kvBytes / blockBytes)) * BLOCK_TOKENS;
  return { usableBytes, weightBytes: weights, reserveBytes: reserve, kvBytes, kvTokens };
}
