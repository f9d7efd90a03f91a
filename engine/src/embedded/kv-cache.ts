/**
 * The decoder's memory of a conversation. A cache is a value: a step makes a new one, so a checkpoint is a reference and taking a conversation back
 * costs nothing. Positions keep rising when old turns are cut out; the decoder wraps them at its last one.
 */
import { Tensor } from "onnxruntime-node";

export interface KvCache {
  /** One tensor for each `past_key_values.N.key/value`, [1, heads, length, width] float32. */
  readonly layers: readonly Tensor[];
  /** Tokens in the cache. */
  readonly length: number;
  /** The position of the next token. */
  readonly position: number;
}

/** Removes the tokens from `start` up to `end` (indices into the cache). */
export function cutTokens(cache: KvCache, start: number, end: number): KvCache {
  const length = cache.length - (end - start);
  return { layers: cache.layers.map((layer) => cutLayer(layer, start, end)), length, position: cache.position };
}

/** The cache as it was when it held `length` tokens. */
export function rewind(cache: KvCache, length: number): KvCache {
  if (length === cache.length) return cache;
  return { ...cutTokens(cache, length, cache.length), position: cache.position - (cache.length - length) };
}

function cutLayer(layer: Tensor, start: number, end: number): Tensor {
  const [batch = 1, heads = 0, tokens = 0, width = 0] = layer.dims;
  const source = layer.data;
  if (!(source instanceof Float32Array)) throw new TypeError("a KV cache layer is float32");
  const kept = tokens - (end - start);
  const data = new Float32Array(batch * heads * kept * width);
  for (let head = 0; head < batch * heads; head += 1) {
    const from = head * tokens * width;
    const to = head * kept * width;
    data.set(source.subarray(from, from + start * width), to);
    data.set(source.subarray(from + end * width, from + tokens * width), to + start * width);
  }
  return new Tensor("float32", data, [batch, heads, kept, width]);
}
