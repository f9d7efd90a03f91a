/**
 * What hears: samples in fixed blocks → log-mel → block-causal encoder → keys and values for whatever thinks, the live transcript, and whether
 * the user has finished.
 * It knows nothing of decoders. All that has to be remembered is in `EarState`, a value, so a conversation can be taken back for free.
 */
import { AloudError } from "@aloud/client/protocol";
import { Tensor } from "onnxruntime-node";
import { float32Of, type Graph, type GraphInput, type Tensors, zeros } from "../embedded/graph.ts";
import { LogMel, type LogMelSpec, type LogMelState } from "../features/log-mel.ts";
import { type CtcState, type CtcVocabulary, initialCtc, readCtc, splitTranscript } from "./ctc.ts";
import type { AudioBlock } from "./heard-audio.ts";

const STATE_PREFIX = "past.";
const NEXT_PREFIX = "present.";

export interface EarState {
  readonly mel: LogMelState;
  /** The encoder's state inputs by name. Tensors are never changed in place. */
  readonly encoder: Tensors;
  readonly ctc: CtcState | undefined;
  /** Heard since the encoder began. */
  readonly blocks: number;
  /** The stretch is over: the encoder begins anew with the next block. */
  readonly isOver: boolean;
}

export interface Heard {
  readonly state: EarState;
  readonly audio: AudioBlock;
  /** A stretch of sound ends with this block: the encoder hears the next as if nothing had been before it. */
  readonly endsStretch: boolean;
  /** What the scribe attends to, where the encoder gives it. */
  readonly scribeAudio: AudioBlock | undefined;
  readonly transcript: { readonly stable: string; readonly tail: string } | undefined;
  /** Probability that the user has finished, 0 to 1. */
  readonly endOfTurn: number | undefined;
}

export interface EarOptions {
  readonly encoder: Graph;
  readonly logMel: LogMelSpec;
  readonly blockFrames: number;
  readonly ctc: CtcVocabulary | undefined;
  /** As many as the encoder was trained on in a row; after more of them it hears ever less. Default: any number. */
  readonly stretchBlocks?: number | undefined;
}

/** So many blocks before the longest stretch a gap between words is good enough to end it. */
const LAST_BLOCKS = 4;
/** Blank frames of 20 ms that are taken for a gap. */
const GAP_FRAMES = 8;

export class Ear {
  /** Samples of one block; `hear` takes exactly so many. */
  readonly blockSamples: number;
  readonly #encoder: Graph;
  readonly #mel: LogMel;
  readonly #blockFrames: number;
  readonly #ctc: CtcVocabulary | undefined;
  readonly #stateInputs: readonly GraphInput[];
  readonly #outputs: readonly string[];
  readonly #forScribe: boolean;
  readonly #stretchBlocks: number;

  constructor({ encoder, logMel, blockFrames, ctc, stretchBlocks = Number.POSITIVE_INFINITY }: EarOptions) {
    this.#stretchBlocks = stretchBlocks;
    this.#encoder = encoder;
    this.#mel = new LogMel(logMel);
    this.#blockFrames = blockFrames;
    this.blockSamples = blockFrames * logMel.hopSamples;
    if (logMel.leftZeros + logMel.hopSamples !== logMel.fftLength)
      throw new AloudError(
        "model_invalid",
        "preprocessor_config.json: left_zeros + hop_length must be n_fft, so that blocks are equally long",
      );
    this.#stateInputs = encoder.inputs.filter(({ name }) => name.startsWith(STATE_PREFIX));
    const next = this.#stateInputs.map(({ name }) => NEXT_PREFIX + name.slice(STATE_PREFIX.length));
    const lacking = next.filter((name) => !encoder.outputNames.includes(name));
    if (lacking.length > 0) throw new AloudError("model_invalid", `the audio encoder lacks the outputs ${lacking.join(", ")}`);
    const has = (name: string) => encoder.outputNames.includes(name);
    this.#forScribe = has("scribe_key") && has("scribe_value");
    this.#ctc = has("ctc_logits") ? ctc : undefined;
    this.#outputs = [
      "cross_key",
      "cross_value",
      ...(this.#forScribe ? ["scribe_key", "scribe_value"] : []),
      ...(this.#ctc ? ["ctc_logits"] : []),
      ...(has("end_of_turn") ? ["end_of_turn"] : []),
      ...next,
    ];
  }

  initial(): EarState {
    return { mel: this.#mel.initial(), encoder: this.#silence(), ctc: this.#ctc && initialCtc(this.#ctc), blocks: 0, isOver: false };
  }

  /** Takes in one block. @param block exactly `blockSamples` samples at 16 kHz, −1 … 1 */
  async hear(block: Float32Array, state: EarState): Promise<Heard> {
    if (block.length !== this.blockSamples) throw new RangeError(`expected a block of ${this.blockSamples} samples, got ${block.length}`);
    const mel = this.#mel.push(block, state.mel);
    const features = new Tensor("float32", mel.features, [1, this.#mel.spec.mels, this.#blockFrames]);
    const before = state.isOver ? this.#silence() : state.encoder;
    const outputs = await this.#encoder.run({ input_features: features, ...before }, this.#outputs);
    const endOfTurn = "end_of_turn" in outputs ? float32Of(outputs, "end_of_turn").data[0] : undefined;
    const ctc = state.ctc && this.#ctc && this.#transcribe(state.ctc, outputs, this.#ctc);
    const blocks = state.isOver ? 1 : state.blocks + 1;
    const isGap = ctc !== undefined && ctc.blanks >= GAP_FRAMES;
    const isOver = blocks >= this.#stretchBlocks || (isGap && blocks >= this.#stretchBlocks - LAST_BLOCKS);
    return {
      state: { mel: mel.state, encoder: this.#nextState(outputs), ctc, blocks, isOver },
      endsStretch: isOver,
      audio: audioOf(outputs, "cross"),
      scribeAudio: this.#forScribe ? audioOf(outputs, "scribe") : undefined,
      transcript: ctc && splitTranscript(ctc),
      endOfTurn: endOfTurn === undefined ? undefined : 1 / (1 + Math.exp(-endOfTurn)),
    };
  }

  /** What the scribe would attend to if a silent block followed, in the same stretch. The state stays as it is. */
  async silenceAfter(state: EarState): Promise<AudioBlock> {
    const { scribeAudio } = await this.hear(new Float32Array(this.blockSamples), { ...state, isOver: false });
    if (scribeAudio === undefined) throw new AloudError("model_invalid", "the audio encoder gives the scribe nothing to attend to");
    return scribeAudio;
  }

  #transcribe(state: CtcState, outputs: Tensors, vocabulary: CtcVocabulary): CtcState {
    const { data, dims } = float32Of(outputs, "ctc_logits");
    return readCtc(state, data, dims[2] ?? vocabulary.vocab.length, vocabulary);
  }

  #silence(): Tensors {
    return Object.fromEntries(this.#stateInputs.map((input) => [input.name, zeros(input)]));
  }

  #nextState(outputs: Tensors): Tensors {
    const entries = this.#stateInputs.map(({ name }): [string, Tensor] => {
      const tensor = outputs[NEXT_PREFIX + name.slice(STATE_PREFIX.length)];
      if (tensor === undefined) throw new AloudError("model_invalid", `the audio encoder gave no ${name}`);
      return [name, tensor];
    });
    return Object.fromEntries(entries);
  }
}

/** [layers, 1, heads, frames, width]: one sentence at a time. */
function audioOf(outputs: Tensors, name: string): AudioBlock {
  const keys = float32Of(outputs, `${name}_key`);
  return { keys: keys.data, values: float32Of(outputs, `${name}_value`).data, frames: keys.dims[3] ?? 0 };
}
