/**
 * What thinks: tokens, a KV cache and a turn's audio in, the next cache and logits out. Graphs in the transformers.js layout: `embed_tokens` and
 * `decoder_model_merged`, whose inputs `cross.N.key/value` are the audio that the tokens attend to. It knows nothing of hearing: keys
 * are keys.
 */
import { AloudError } from "@aloud/client/protocol";
import { Tensor } from "onnxruntime-node";
import type { HeardAudio } from "../hearing/heard-audio.ts";
import { float32Of, type Graph, type Tensors, zeros } from "./graph.ts";
import type { KvCache } from "./kv-cache.ts";

const PAST = "past_key_values.";
const CROSS = "cross.";

export interface DecoderOptions {
  readonly graph: Graph;
  readonly embedTokens: Graph;
  readonly vocabSize: number;
  readonly width: number;
  /** Positions that the decoder knows; counting goes on from 0 after the last. */
  readonly positionPeriod: number;
}

/** One `cross.N.key` or `cross.N.value`. */
interface CrossInput {
  readonly name: string;
  readonly layer: number;
  readonly part: "keys" | "values";
}

export class Decoder {
  readonly #graph: Graph;
  readonly #width: number;
  readonly #positionPeriod: number;
  /** [vocabulary, width] row-major: the embedding of every token, looked up instead of computed at each step. */
  readonly #table: Float32Array;
  readonly #pastNames: readonly string[];
  readonly #presentNames: readonly string[];
  readonly #withLogits: readonly string[];
  readonly #crossInputs: readonly CrossInput[];
  /** Heads and width of a head, of every cross input. */
  readonly #heads: number;
  readonly #headWidth: number;
  /** Nothing is masked: ones, as many as were ever needed. */
  #ones = new BigInt64Array(0);
  /** A turn's audio as the graph takes it, made at the first token that attends to it and kept as long as the audio itself. */
  readonly #crossed = new WeakMap<HeardAudio, Tensors>();

  private constructor(graph: Graph, table: Float32Array, width: number, positionPeriod: number) {
    this.#graph = graph;
    this.#table = table;
    this.#width = width;
    this.#positionPeriod = positionPeriod;
    this.#pastNames = graph.inputs.map(({ name }) => name).filter((name) => name.startsWith(PAST));
    this.#presentNames = this.#pastNames.map((name) => `present.${name.slice(PAST.length)}`);
    this.#withLogits = ["logits", ...this.#presentNames];
    const cross = graph.inputs.filter(({ name }) => name.startsWith(CROSS));
    this.#crossInputs = cross.map(({ name }) => {
      const [, layer = "", part] = name.split(".");
      return { name, layer: Number.parseInt(layer, 10), part: part === "key" ? "keys" : "values" };
    });
    [, this.#heads = 0, , this.#headWidth = 0] = cross[0]?.shape ?? [];
  }

  static async load({ graph, embedTokens, vocabSize, width, positionPeriod }: DecoderOptions): Promise<Decoder> {
    const ids = BigInt64Array.from({ length: vocabSize }, (_, id) => BigInt(id));
    const table = float32Of(
      await embedTokens.run({ input_ids: new Tensor("int64", ids, [1, vocabSize]) }, ["inputs_embeds"]),
      "inputs_embeds",
    );
    if (table.data.length !== vocabSize * width)
      throw new AloudError("model_invalid", `embed_tokens: expected ${vocabSize} × ${width} values, got ${table.dims.join(" × ")}`);
    const decoder = new Decoder(graph, table.data, width, positionPeriod);
    const lacking = decoder.#presentNames.filter((name) => !graph.outputNames.includes(name));
    if (lacking.length > 0) throw new AloudError("model_invalid", `the decoder lacks the outputs ${lacking.join(", ")}`);
    if (decoder.#crossInputs.length === 0)
      throw new AloudError("model_invalid", "the decoder lacks the inputs cross.N.key and cross.N.value");
    return decoder;
  }

  empty(): KvCache {
    const layers = this.#graph.inputs
      .filter(({ name }) => name.startsWith(PAST))
      .map((input) => zeros({ ...input, shape: input.shape.with(0, 1) }));
    return { layers, length: 0, position: 0 };
  }

  /** Takes tokens into the cache. @param audio what they attend to, all of them */
  async prefill(tokens: readonly number[], cache: KvCache, audio: HeardAudio): Promise<KvCache> {
    const outputs = await this.#run(tokens, cache, audio, this.#presentNames);
    return this.#next(outputs, cache, tokens.length);
  }

  /** Takes tokens into the cache and says what may come next. @returns logits [vocabulary] after the last of them */
  async step(tokens: readonly number[], cache: KvCache, audio: HeardAudio): Promise<{ cache: KvCache; logits: Float32Array }> {
    const { cache: next, logits } = await this.score(tokens, cache, audio);
    return { cache: next, logits: logits.at(-1) ?? new Float32Array(0) };
  }

  /** As `step`, and what might have come after each of the tokens: one run for many. @returns logits [tokens][vocabulary] */
  async score(tokens: readonly number[], cache: KvCache, audio: HeardAudio): Promise<{ cache: KvCache; logits: Float32Array[] }> {
    const outputs = await this.#run(tokens, cache, audio, this.#withLogits);
    const { data, dims } = float32Of(outputs, "logits");
    const [, rows = 1, vocabulary = data.length] = dims;
    const logits = Array.from({ length: rows }, (_, row) => data.subarray(row * vocabulary, (row + 1) * vocabulary));
    return { cache: this.#next(outputs, cache, tokens.length), logits };
  }

  #run(tokens: readonly number[], cache: KvCache, audio: HeardAudio, outputs: readonly string[]): Promise<Tensors> {
    const count = tokens.length;
    const attended = cache.length + count;
    if (this.#ones.length < attended) this.#ones = new BigInt64Array(2 * attended).fill(1n);
    const positions = new BigInt64Array(count);
    for (let i = 0; i < count; i += 1) positions[i] = BigInt((cache.position + i) % this.#positionPeriod);
    const feeds: Record<string, Tensor> = {
      ...this.#cross(audio),
      inputs_embeds: new Tensor("float32", this.#embed(tokens), [1, count, this.#width]),
      attention_mask: new Tensor("int64", this.#ones.subarray(0, attended), [1, attended]),
      position_ids: new Tensor("int64", positions, [1, count]),
    };
    this.#pastNames.forEach((name, i) => {
      const layer = cache.layers[i];
      if (layer !== undefined) feeds[name] = layer;
    });
    return this.#graph.run(feeds, outputs);
  }

  /** [tokens, width] row-major. */
  #embed(tokens: readonly number[]): Float32Array {
    const rows = new Float32Array(tokens.length * this.#width);
    tokens.forEach((token, i) => {
      rows.set(this.#table.subarray(token * this.#width, (token + 1) * this.#width), i * this.#width);
    });
    return rows;
  }

  #cross(audio: HeardAudio): Tensors {
    const known = this.#crossed.get(audio);
    if (known !== undefined) return known;
    const made = Object.fromEntries(this.#crossInputs.map((input) => [input.name, this.#crossTensor(audio, input)]));
    this.#crossed.set(audio, made);
    return made;
  }

  /** [1, heads, 1 + frames, width]: a frame of zeros, which is where a token looks that finds nothing, and the audio. */
  #crossTensor(audio: HeardAudio, { layer, part }: CrossInput): Tensor {
    const heads = this.#heads;
    const width = this.#headWidth;
    const frames = 1 + audio.frames;
    const data = new Float32Array(heads * frames * width);
    let at = 1;
    for (const block of audio.blocks) {
      const size = block.frames * width;
      for (let head = 0; head < heads; head += 1) {
        const from = (layer * heads + head) * size;
        data.set(block[part].subarray(from, from + size), (head * frames + at) * width);
      }
      at += block.frames;
    }
    return new Tensor("float32", data, [1, heads, frames, width]);
  }

  #next(outputs: Tensors, cache: KvCache, count: number): KvCache {
    const layers = this.#presentNames.flatMap((name) => outputs[name] ?? []);
    return { layers, length: cache.length + count, position: cache.position + count };
  }
}
