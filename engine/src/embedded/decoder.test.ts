import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { addBlock, NO_AUDIO } from "../hearing/heard-audio.ts";
import { Decoder } from "./decoder.ts";
import { float32Of, type Graph, type Tensors } from "./graph.ts";

const LAYERS = 2;
const HEADS = 2;
const WIDTH = 2;
const VOCABULARY = 4;
const names = (prefix: string) =>
  Array.from({ length: LAYERS }, (_, layer) => ["key", "value"].map((part) => `${prefix}.${layer}.${part}`)).flat();

/** Grows its past by as many zeros as it is given tokens, and keeps what it was fed. */
function fakeGraph(): Graph & { readonly fed: Tensors[] } {
  const fed: Tensors[] = [];
  return {
    fed,
    inputs: [...names("past_key_values"), ...names("cross")].map((name) => ({ name, type: "float32", shape: [1, HEADS, 0, WIDTH] })),
    outputNames: ["logits", ...names("present")],
    run: async (feeds, outputs) => {
      fed.push(feeds);
      const count = feeds.position_ids?.data.length ?? 0;
      const length = (feeds["past_key_values.0.key"]?.dims[2] ?? 0) + count;
      const present = new Tensor("float32", new Float32Array(HEADS * length * WIDTH), [1, HEADS, length, WIDTH]);
      const logits = Float32Array.from({ length: count * VOCABULARY }, (_, n) => n);
      return Object.fromEntries(
        outputs.map((name) => [name, name === "logits" ? new Tensor("float32", logits, [1, count, VOCABULARY]) : present]),
      );
    },
    release: async () => {},
  };
}

const table = Float32Array.from({ length: VOCABULARY * WIDTH }, (_, n) => n);
const embedTokens: Graph = {
  inputs: [],
  outputNames: ["inputs_embeds"],
  run: async () => ({ inputs_embeds: new Tensor("float32", table, [1, VOCABULARY, WIDTH]) }),
  release: async () => {},
};
async function load(positionPeriod = 100) {
  const graph = fakeGraph();
  return { graph, decoder: await Decoder.load({ graph, embedTokens, vocabSize: VOCABULARY, width: WIDTH, positionPeriod }) };
}
/** Every value says where it stands: layer, head, frame, column, as decimal digits, and which block. */
function block(name: number, frames: number) {
  const keys = Array.from({ length: LAYERS }, (_, l) =>
    Array.from({ length: HEADS }, (_, h) =>
      Array.from({ length: frames }, (_, f) => [0, 1].map((c) => name * 10_000 + l * 1_000 + h * 100 + f * 10 + c)),
    ),
  ); // prettier-ignore
  const flat = Float32Array.from(keys.flat(3));
  return { keys: flat, values: flat.map((value) => -value), frames };
}

test("a token is fed with its embedding, its position, and everything before it to attend to", async () => {
  const { graph, decoder } = await load();
  const first = await decoder.prefill([3, 1], decoder.empty(), NO_AUDIO);
  const { cache, logits } = await decoder.step([2], first, NO_AUDIO);
  expect(cache).toMatchObject({ length: 3, position: 3 });
  expect(graph.fed[0]?.inputs_embeds).toMatchObject({ dims: [1, 2, WIDTH], data: Float32Array.of(6, 7, 2, 3) });
  expect(graph.fed[1]?.position_ids).toMatchObject({ data: BigInt64Array.of(2n) });
  expect(graph.fed[1]?.attention_mask).toMatchObject({ dims: [1, 3], data: BigInt64Array.of(1n, 1n, 1n) });
  expect([...logits]).toEqual([0, 1, 2, 3]);
});

test("positions begin again after the last that the decoder knows", async () => {
  const { graph, decoder } = await load(2);
  await decoder.prefill([0, 0, 0], decoder.empty(), NO_AUDIO);
  expect(graph.fed[0]?.position_ids).toMatchObject({ data: BigInt64Array.of(0n, 1n, 0n) });
});

test("without audio there is one frame of zeros to attend to", async () => {
  const { graph, decoder } = await load();
  await decoder.prefill([0], decoder.empty(), NO_AUDIO);
  expect(graph.fed[0]?.["cross.1.value"]).toMatchObject({ dims: [1, HEADS, 1, WIDTH], data: new Float32Array(HEADS * WIDTH) });
});

test("audio follows the zeros, block after block, each layer and head its own", async () => {
  const { graph, decoder } = await load();
  const audio = [block(1, 1), block(2, 2)].reduce((heard, next) => addBlock(heard, next, 100), NO_AUDIO);
  await decoder.prefill([0], decoder.empty(), audio);
  const head = (h: number) => [0, 0, 11_000, 11_001, 21_000, 21_001, 21_010, 21_011].map((value, n) => (n < 2 ? 0 : value + h * 100));
  const { data, dims } = float32Of(graph.fed[0] ?? {}, "cross.1.key");
  expect(dims).toEqual([1, HEADS, 4, WIDTH]);
  expect([...data]).toEqual([...head(0), ...head(1)]);
  expect(float32Of(graph.fed[0] ?? {}, "cross.1.value").data).toEqual(data.map((value) => (value === 0 ? 0 : -value)));
});

test("a turn's audio is put together once, for all its tokens", async () => {
  const { graph, decoder } = await load();
  const audio = addBlock(NO_AUDIO, block(1, 2), 100);
  const cache = await decoder.prefill([0], decoder.empty(), audio);
  await decoder.prefill([0], cache, audio);
  expect(graph.fed[1]?.["cross.0.key"]).toBe(graph.fed[0]?.["cross.0.key"]);
});

test("a graph that takes no audio is refused", async () => {
  const graph = fakeGraph();
  const deaf = { ...graph, inputs: graph.inputs.filter(({ name }) => !name.startsWith("cross.")) };
  await expect(Decoder.load({ graph: deaf, embedTokens, vocabSize: VOCABULARY, width: WIDTH, positionPeriod: 1 })).rejects.toMatchObject({
    code: "model_invalid",
    message: expect.stringContaining("cross.N.key"),
  });
});
