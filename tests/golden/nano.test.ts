/**
 * nano in this engine against nano in Python's onnxruntime, on the same graphs: features, embeddings, transcript, token ids.
 * `make.py` beside this file writes the references and says what is in them.
 */
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EmbeddedConversation } from "../../engine/src/embedded/conversation.ts";
import { loadModel, type Model } from "../../engine/src/embedded/model.ts";
import { NANO_DIR } from "../../engine/src/embedded/model-directory.ts";
import { Scheduler } from "../../engine/src/embedded/scheduler.ts";
import { LogMel } from "../../engine/src/features/log-mel.ts";
import { endsInLoop } from "../../engine/src/text/repetition.ts";

interface Golden {
  readonly melEvery: number;
  readonly embeddingsEvery: number;
  /** SHA-256 by path of the graphs that the references were made with. */
  readonly graphs: Readonly<Record<string, string>>;
  readonly clips: readonly { name: string; ctc: string; ids: number[]; mel: string; embeddings: string }[];
}

const here = new URL("nano/", import.meta.url);
const isMade = existsSync(new URL("golden.json", here));
const MEL_TOLERANCE = 1e-4;
/** Embeddings go through int8 layers, which turn a difference in the last bit into one step of their scale now and then. */
const EMBEDDING_TOLERANCE = 0.1;
const WAV_HEADER_BYTES = 44;
const MAX_TOKENS = 60;

const floats = (base64: string) => new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);

function readWav(name: string): Float32Array {
  const bytes = readFileSync(new URL(`${name}.wav`, here)).subarray(WAV_HEADER_BYTES);
  return Float32Array.from({ length: bytes.length / 2 }, (_, n) => bytes.readInt16LE(2 * n) / 32_768);
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let n = 0; n < a.length; n++) largest = Math.max(largest, Math.abs((a[n] ?? Number.NaN) - (b[n] ?? Number.NaN)));
  return largest;
}

/** Everything that is generated asks the tokenizer about its id. */
function recording(model: Model, into: number[]): Model {
  const { tokenizer } = model;
  const control = (id: number) => {
    into.push(id);
    return tokenizer.control(id);
  };
  return { ...model, tokenizer: { ...tokenizer, control } };
}

describe.skipIf(!isMade)("nano against its references (without nano/golden.json, run tests/golden/make.py)", () => {
  const golden: Golden = isMade ? JSON.parse(readFileSync(new URL("golden.json", here), "utf8")) : { clips: [], graphs: {} };
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(NANO_DIR, () => {});
  });
  afterAll(() => model.release());

  function padded(name: string): Float32Array {
    const samples = readWav(name);
    const { blockSamples } = model.ear;
    const whole = new Float32Array(Math.ceil(samples.length / blockSamples) * blockSamples);
    whole.set(samples);
    return whole;
  }

  test("the references were made with the graphs that are shipped; if not, run tests/golden/make.py", () => {
    const manifest: { files: Record<string, { sha256: string }> } = JSON.parse(readFileSync(`${NANO_DIR}/manifest.json`, "utf8"));
    for (const [path, sha256] of Object.entries(golden.graphs)) expect(manifest.files[path]?.sha256, path).toBe(sha256);
  });

  test.each(golden.clips)("$name: features", ({ name, mel }) => {
    const logMel = new LogMel(model.config.logMel);
    const { mels } = logMel.spec;
    const { features, frames } = logMel.push(padded(name), logMel.initial());
    const chosen: number[] = [];
    for (let frame = 0; frame < frames; frame += golden.melEvery) {
      for (let band = 0; band < mels; band++) chosen.push(features[band * frames + frame] ?? Number.NaN);
    }
    expect(largestDifference(chosen, floats(mel))).toBeLessThan(MEL_TOLERANCE);
  });

  test.each(golden.clips)("$name: embeddings and transcript", async ({ name, ctc, embeddings }) => {
    const samples = padded(name);
    const rows: number[][] = [];
    let state = model.ear.initial();
    let transcript = "";
    for (let from = 0; from < samples.length; from += model.ear.blockSamples) {
      const heard = await model.ear.hear(samples.slice(from, from + model.ear.blockSamples), state);
      state = heard.state;
      const width = heard.embeddings.length / heard.count;
      for (let row = 0; row < heard.count; row++) rows.push([...heard.embeddings.subarray(row * width, (row + 1) * width)]);
      transcript = heard.transcript ? heard.transcript.stable + heard.transcript.tail : "";
    }
    const chosen = rows.filter((_, row) => row % golden.embeddingsEvery === 0).flat();
    expect(largestDifference(chosen, floats(embeddings))).toBeLessThan(EMBEDDING_TOLERANCE);
    expect(transcript.trim()).toBe(ctc);
  });

  test.each(golden.clips)("$name: token ids", async ({ name, ids }) => {
    const own: number[] = [];
    const conversation = new EmbeddedConversation(recording(model, own), new Scheduler(), () => {});
    await conversation.append({ type: "audio", samples: readWav(name) });
    const request = { mode: "think", maxThinkTokens: MAX_TOKENS, maxAnswerTokens: MAX_TOKENS } as const;
    for await (const event of conversation.generate(request, new AbortController().signal)) expect(event.type).toBeDefined();
    await conversation.close();
    // The end token closes the reference; the engine ends on it without saying it, and it stops a loop, which the reference does not.
    const spoken = ids.filter((id) => !model.config.endTokens.has(id));
    const loopAt = spoken.findIndex((_, n) => endsInLoop(spoken.slice(0, n)));
    const expected = loopAt < 0 ? spoken : spoken.slice(0, loopAt);
    expect(own.slice(0, expected.length)).toEqual(expected);
  });
});
