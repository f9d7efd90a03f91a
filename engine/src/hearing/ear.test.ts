import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import type { Graph, Tensors } from "../embedded/graph.ts";
import type { LogMelSpec } from "../features/log-mel.ts";
import { Ear } from "./ear.ts";

const logMel: LogMelSpec = {
  ...{ sampleRateHz: 16_000, fftLength: 400, mels: 80, minHz: 0, maxHz: 8_000, hopSamples: 160, leftZeros: 240 },
  ...{ floor: 1e-8, offset: 4, scale: 4 },
};
const floats = (values: readonly number[], dims: readonly number[]) => new Tensor("float32", Float32Array.from(values), dims);

/** Two frames a block; its state counts the blocks. Hears "hi" in the first and nothing after. */
function fakeEncoder(): Graph & { readonly fed: Tensors[] } {
  const fed: Tensors[] = [];
  return {
    fed,
    inputs: [
      { name: "input_features", type: "float32", shape: [1, 80, 4] },
      { name: "past.count", type: "float32", shape: [1] },
    ],
    outputNames: ["cross_key", "cross_value", "ctc_logits", "end_of_turn", "present.count"],
    run: async (feeds) => {
      fed.push(feeds);
      const count = Number(feeds["past.count"]?.data[0]);
      return {
        cross_key: floats([count, count], [1, 1, 1, 2, 1]),
        cross_value: floats([-count, -count], [1, 1, 1, 2, 1]),
        ctc_logits: floats(count === 0 ? [0, 1, 1, 0] : [1, 0, 1, 0], [1, 2, 2]),
        end_of_turn: floats([count * 1_000], [1, 1]),
        "present.count": floats([count + 1], [1]),
      };
    },
    release: async () => {},
  };
}

test("an ear gives keys and values, the words, and how likely the user has finished, and carries its state", async () => {
  const encoder = fakeEncoder();
  const ear = new Ear({ encoder, logMel, blockFrames: 4, ctc: { blank: 0, vocab: ["", " hi"] } });
  const block = new Float32Array(ear.blockSamples);
  const first = await ear.hear(block, ear.initial());
  expect(first).toMatchObject({ audio: { frames: 2 }, transcript: { stable: "", tail: "hi" }, endOfTurn: 0.5 });
  const second = await ear.hear(block, first.state);
  expect(second.audio).toEqual({ keys: Float32Array.of(1, 1), values: Float32Array.of(-1, -1), frames: 2 });
  expect(second.endOfTurn).toBe(1);
  // The first state is still what it was.
  expect((await ear.hear(block, first.state)).audio).toEqual(second.audio);
});

test("an ear begins anew after the longest stretch that it was made for, and its words go on", async () => {
  const encoder = fakeEncoder();
  const ear = new Ear({ encoder, logMel, blockFrames: 4, ctc: { blank: 0, vocab: ["", " hi"] }, stretchBlocks: 2 });
  const block = new Float32Array(ear.blockSamples);
  let state = ear.initial();
  const heard = [];
  for (let n = 0; n < 3; n += 1) {
    heard.push(await ear.hear(block, state));
    state = heard.at(-1)?.state ?? state;
  }
  expect(heard.map(({ endsStretch }) => endsStretch)).toEqual([false, true, false]);
  // The fake counts the blocks in its state.
  expect(heard.map(({ audio }) => audio.keys[0])).toEqual([0, 1, 0]);
  expect(heard.map(({ transcript }) => transcript?.tail)).toEqual(["hi", "hi", "hi"]);
});

test("a gap between words ends a stretch a little sooner", async () => {
  const quiet: Graph = {
    ...fakeEncoder(),
    run: async () => ({
      ...{ cross_key: floats([0], [1, 1, 1, 1, 1]), cross_value: floats([0], [1, 1, 1, 1, 1]) },
      ...{
        ctc_logits: floats([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0], [1, 8, 2]),
        end_of_turn: floats([0], [1, 1]),
        "present.count": floats([0], [1]),
      },
    }),
  };
  const ear = new Ear({ encoder: quiet, logMel, blockFrames: 4, ctc: { blank: 0, vocab: ["", " hi"] }, stretchBlocks: 6 });
  let state = ear.initial();
  const ends = [];
  for (let n = 0; n < 3; n += 1) {
    const heard = await ear.hear(new Float32Array(ear.blockSamples), state);
    state = heard.state;
    ends.push(heard.endsStretch);
  }
  expect(ends).toEqual([false, true, false]);
});
