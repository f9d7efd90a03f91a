/**
 * What thinks: embeddings and a KV cache in, the next cache and logits out. Graphs in the transformers.js layout: `embed_tokens` and
 * `decoder_model_merged`. It knows nothing of audio: an embedding is an embedding.
 */
import { AloudError } from "@aloud/client/protocol";
import { Tensor } from "onnxruntime-node";
import { float32Of, type Graph, zeros } from "./graph.ts";
import type { KvCache } from "./kv-cache.ts";

const PAST = "past_key_values.";

export class Decoder {
  readonly #graph: Graph;
  readonly #width: number;
  /** [vocabulary, width] row-major: the embedding of every token, looked up instead of computed at each step. */
  readonly #table: Float32Array;
  readonly #pastNames: readonly string[];
  readonly #presentNames: readonly string[];

  private constructor(graph: Graph, table: Float32Array, width: number) {
    this.#graph = graph;
    this.#table = table;
    this.#width = width;
    this.#pastNames = graph.inputs.map(({ name }) => name).filter((name) => name.startsWith(PAST));
    this.#presentNames = this.#pastNames.map((name) => `present.${name.slice(PAST.length)}`);
  }

  static async load(graph: Graph, embedTokens: Graph, vocabSize: number, width: number): Promise<Decoder> {
    const ids = BigInt64Array.from({ length: vocabSize }, (_, id) => BigInt(id));
    const table = float32Of(
      await embedTokens.run({ input_ids: new Tensor("int64", ids, [1, vocabSize]) }, ["inputs_embeds"]),
      "inputs_embeds",
    );
    if (table.data.length !== vocabSize * width)
      throw new AloudError("model_invalid", `embed_tokens: expected ${vocabSize} × ${width} values, got ${table.dims.join(" × ")}`);
    const decoder = new Decoder(graph, table.data, width);
    const lacking = decoder.#presentNames.filter((name) => !graph.outputNames.includes(name));
    if (lacking.length > 0) throw new AloudError("model_invalid", `the decoder lacks the outputs ${lacking.join(", ")}`);
    return decoder;
  }

  empty(): KvCache {
    const layers = this.#graph.inputs
      .filter(({ name }) => name.startsWith(PAST))
      .map((input) => zeros({ ...input, shape: input.shape.with(0, 1) }));
    return { layers, length: 0, position: 0 };
  }

  /** [tokens, width] row-major. */
  embed(tokens: readonly number[]): Float32Array {
    const rows = new Float32Array(tokens.length * this.#width);
    tokens.forEach((token, i) => {
      rows.set(this.#table.subarray(token * this.#width, (token + 1) * this.#width), i * this.#width);
    });
    return rows;
  }

  /** Takes embeddings into the cache. @param embeddings [count, width] row-major */
  async prefill(embeddings: Float32Array, cache: KvCache): Promise<KvCache> {
    const outputs = await this.#run(embeddings, cache, this.#presentNames);
    return this.#next(outputs, cache, embeddings.length / this.#width);
  }

  /** Takes embeddings into the cache and says what may come next. @returns logits [vocabulary] after the last of them */
  async step(embeddings: Float32Array, cache: KvCache): Promise<{ cache: KvCache; logits: Float32Array }> {
    const outputs = await this.#run(embeddings, cache, ["logits", ...this.#presentNames]);
    const { data, dims } = float32Of(outputs, "logits");
    const vocabulary = dims[2] ?? data.length;
    return { cache: this.#next(outputs, cache, embeddings.length / this.#width), logits: data.subarray(data.length - vocabulary) };
  }

  #run(embeddings: Float32Array, cache: KvCache, outputs: readonly string[]): Promise<Readonly<Record<string, Tensor>>> {
    const count = embeddings.length / this.#width;
    const attended = new BigInt64Array(cache.length + count).fill(1n);
    const positions = BigInt64Array.from({ length: count }, (_, i) => BigInt(cache.position + i));
    const past = Object.fromEntries(this.#pastNames.flatMap((name, i) => (cache.layers[i] ? [[name, cache.layers[i]]] : [])));
    return this.#graph.run(
      {
        inputs_embeds: new Tensor("float32", embeddings, [1, count, this.#width]),
        attention_mask: new Tensor("int64", attended, [1, attended.length]),
        position_ids: new Tensor("int64", positions, [1, count]),
        ...past,
      },
      outputs,
    );
  }

  #next(outputs: Readonly<Record<string, Tensor>>, cache: KvCache, count: number): KvCache {
    const layers = this.#presentNames.flatMap((name) => outputs[name] ?? []);
    return { layers, length: cache.length + count, position: cache.position + count };
  }
}
