/** A loaded model: what hears, what thinks, and the words between them. */
import { AloudError } from "@aloud/client/protocol";
import { Ear } from "../hearing/ear.ts";
import { addBlock, NO_AUDIO } from "../hearing/heard-audio.ts";
import { Decoder } from "./decoder.ts";
import { loadGraph } from "./graph.ts";
import { type ModelConfig, readModelConfig, type ScribeConfig } from "./model-config.ts";
import { graphPath, readModelJson, verifyModelDirectory } from "./model-directory.ts";
import { placementNote } from "./provider.ts";
import { Scribe } from "./scribe.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

export interface Model {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly ear: Pick<Ear, "blockSamples" | "initial" | "hear" | "silenceAfter">;
  readonly decoder: Pick<Decoder, "empty" | "prefill" | "step" | "score">;
  /** What writes down speech while it is spoken, if the model has it. */
  readonly scribe: Pick<Scribe, "listen" | "live" | "finish" | "weigh"> | undefined;
  /** What whoever runs the engine should know of the device. */
  readonly note?: string;
  /** Frees the graphs; nothing of the model may be used afterwards. */
  release(): Promise<void>;
}

/** Where checking files ends and loading graphs begins, as a share of all progress. */
const VERIFIED = 0.4;

/**
 * Checks and loads a model directory (transformers.js layout).
 * @param onProgress share done, 0 to 1, and what is being done
 * @param device where the graphs run: `cpu`, `cpu:1`, `cuda:0`, …
 * @throws AloudError `model_file_missing`, `model_file_damaged` or `model_invalid`; `engine_unavailable` when the device cannot be used
 */
export async function loadModel(dir: string, onProgress: (progress: number, message: string) => void, device = "cpu"): Promise<Model> {
  onProgress(0, "checking files");
  const config = readModelConfig(dir);
  await verifyModelDirectory(dir, (share) => onProgress(share * VERIFIED, "checking files"));
  const tokenizer = createTokenizer(
    readModelJson(dir, "tokenizer.json"),
    readModelJson(dir, "tokenizer_config.json"),
    config.specialTokens,
  );
  checkPrompt(config, tokenizer);
  onProgress(VERIFIED, "loading the audio encoder");
  const encoder = await loadGraph(graphPath(dir, "audio_encoder"), {
    inputs: ["input_features"],
    outputs: ["cross_key", "cross_value"],
    device,
  });
  onProgress(0.65, "loading the embeddings");
  const embedTokens = await loadGraph(graphPath(dir, "embed_tokens"), { inputs: ["input_ids"], outputs: ["inputs_embeds"] });
  onProgress(0.7, "loading the decoder");
  const graph = await loadGraph(graphPath(dir, "decoder_model_merged"), {
    inputs: ["inputs_embeds", "attention_mask", "position_ids"],
    outputs: ["logits"],
    device,
  });
  onProgress(0.95, "warming up");
  const { vocabSize, hiddenSize: width, positionPeriod } = config;
  const decoder = await Decoder.load({ graph, embedTokens, vocabSize, width, positionPeriod });
  await embedTokens.release();
  const scribe = config.scribe && (await loadScribe(dir, config, config.scribe, device));
  const ear = new Ear({
    encoder,
    logMel: config.logMel,
    blockFrames: config.blockFrames,
    ctc: config.ctc,
    stretchBlocks: config.stretchBlocks,
  });
  await warmUp(ear, decoder, config);
  // Also shows whether the encoder gives it something to attend to.
  await scribe?.scribe.weigh(addBlock(NO_AUDIO, await ear.silenceAfter(ear.initial()), config.maxCrossFrames), "", (work) => work());
  const note = placementNote([encoder.placement(), graph.placement()]);
  return {
    ...(note !== undefined && { note }),
    config,
    tokenizer,
    ear,
    decoder,
    scribe: scribe?.scribe,
    async release() {
      await encoder.release();
      await graph.release();
      await scribe?.release();
    },
  };
}

async function loadScribe(dir: string, config: ModelConfig, scribe: ScribeConfig, device: string) {
  const { hiddenSize: width } = config;
  const tokenizer = createTokenizer(
    readModelJson(dir, "scribe_tokenizer.json"),
    readModelJson(dir, "tokenizer_config.json"),
    config.specialTokens,
  );
  const embedTokens = await loadGraph(graphPath(dir, "scribe_embed_tokens"), { inputs: ["input_ids"], outputs: ["inputs_embeds"] });
  const graph = await loadGraph(graphPath(dir, "scribe_decoder"), {
    inputs: ["inputs_embeds", "attention_mask", "position_ids"],
    outputs: ["logits"],
    device,
  });
  const decoder = await Decoder.load({ graph, embedTokens, vocabSize: scribe.vocabSize, width, positionPeriod: scribe.positions });
  await embedTokens.release();
  return { scribe: new Scribe({ decoder, tokenizer, config: scribe }), release: () => graph.release() };
}

/** Every control token that the prompt is written with must exist. */
function checkPrompt({ prompt: { tools, takesInstructions: _, ...prompt } }: ModelConfig, tokenizer: Tokenizer): void {
  for (const spelling of [...Object.values(prompt), ...Object.values(tools ?? {})].flat()) tokenizer.controlId(spelling);
}

/** The first run of a graph allocates its memory; better now than in somebody's first sentence. It also shows whether the graphs fit together. */
async function warmUp(ear: Ear, decoder: Decoder, { prompt, specialTokens, vocabSize, crossFramesPerBlock, maxCrossFrames }: ModelConfig) {
  const { audio } = await ear.hear(new Float32Array(ear.blockSamples), ear.initial());
  if (audio.frames !== crossFramesPerBlock) {
    throw new AloudError(
      "model_invalid",
      `audio_encoder: expected cross_key of ${crossFramesPerBlock} frames (config.json: audio.cross_frames_per_block), got ${audio.frames}`,
    );
  }
  const marker = prompt.audio.map((spelling) => specialTokens.get(spelling) ?? 0);
  const { logits } = await decoder.step(marker, decoder.empty(), addBlock(NO_AUDIO, audio, maxCrossFrames));
  if (logits.length !== vocabSize) {
    throw new AloudError(
      "model_invalid",
      `decoder_model_merged: expected logits of width ${vocabSize} (config.json: vocab_size), got ${logits.length}`,
    );
  }
}
