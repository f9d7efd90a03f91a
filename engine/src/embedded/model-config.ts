/** What the JSON files of a model directory say, read once and checked strictly. */
import { AloudError, isRecord } from "@aloud/client/protocol";
import type { Channel } from "../engine.ts";
import type { LogMelSpec } from "../features/log-mel.ts";
import type { KnownTool } from "../tools/declared.ts";
import { hasModelFile, readModelJson, readModelList } from "./model-directory.ts";

export interface ModelConfig {
  readonly name: string;
  readonly version: string;
  readonly contextTokens: number;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Positions that the decoder knows; they wrap. */
  readonly positionPeriod: number;
  /** Feature frames of one encoder block. */
  readonly blockFrames: number;
  /** How many blocks in a row the encoder was trained on. Absent: it may hear any number. */
  readonly stretchBlocks: number | undefined;
  /** Of one block, as the decoder sees them, and how many of a turn it sees at most. */
  readonly crossFramesPerBlock: number;
  readonly maxCrossFrames: number;
  readonly channels: readonly Channel[];
  /** Ids of the control tokens by their spelling. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly ctc: { readonly blank: number; readonly vocab: readonly string[] } | undefined;
  /** How a turn is written, as control tokens. */
  readonly prompt: PromptConfig;
  /** Where the model repeats the user's words. */
  readonly transcript: TranscriptConfig | undefined;
  /** What writes down speech beside the model that thinks. Absent: that one does, alone. */
  readonly scribe: ScribeConfig | undefined;
  /** When the model is not sure of the words that it heard. Absent: it is always taken at its word. */
  readonly confidence: ConfidenceConfig | undefined;
  /** Calls that the model knows; empty for one that calls no tools. */
  readonly tools: readonly KnownTool[];
  readonly endTokens: ReadonlySet<number>;
  readonly logMel: LogMelSpec;
}

export interface TranscriptConfig {
  readonly channel: Channel;
  readonly open: string;
  readonly close: string;
  /** How the thought about a spoken turn begins; `{transcript}` stands for the words. Absent: not always in the same way. */
  readonly sentence: string | undefined;
}

export interface ScribeConfig {
  /** Control tokens before the words, and the one behind them. */
  readonly prompt: readonly string[];
  readonly end: string;
  /** Positions that its decoder knows. */
  readonly positions: number;
  readonly vocabSize: number;
  /** Words of the thinker's own stand where it gives them at least this probability (geometric mean, 0 to 1). */
  readonly sure: number;
  /** How much the scribe's opinion counts beside the thinker's. */
  readonly weight: number;
  /** As `ConfidenceConfig.transcript`: for words that both heard, and for the scribe's alone, by their joint probability. */
  readonly leastConfidence: { readonly both: number; readonly scribe: number };
}

/** Thinks and says that the words were unclear where the quoted transcript's confidence is below `transcript`. */
export interface ConfidenceConfig {
  /** 0 to 1. */
  readonly transcript: number;
  readonly unclear: {
    /** The rest of the semantic thought, from after the sentence with the quotation. */
    readonly semantic: string;
    /** The answer; `{transcript}` stands for the words. */
    readonly answer: string;
  };
}

/** How tools are written, as control tokens. */
export interface ToolPromptConfig {
  readonly resultOpen: readonly string[];
  readonly resultClose: readonly string[];
  readonly callOpen: string;
  readonly callClose: string;
}

export interface PromptConfig {
  readonly systemOpen: readonly string[];
  readonly systemClose: readonly string[];
  /** Whether the model was trained on instructions in free words. If not, they are left out: they would only confuse it. */
  readonly takesInstructions: boolean;
  readonly userOpen: readonly string[];
  /** Stands where the turn's audio begins; it and what follows attends to the audio. */
  readonly audio: readonly string[];
  readonly userClose: readonly string[];
  readonly assistantOpen: readonly string[];
  readonly think: readonly string[];
  readonly direct: readonly string[];
  readonly acousticOpen: string;
  readonly thinkClose: string;
  readonly turnClose: string;
  readonly tools: ToolPromptConfig | undefined;
}

/** One JSON file, with errors that name file and key. */
class Reader {
  readonly #file: string;
  readonly #value: Record<string, unknown>;

  constructor(file: string, value: Record<string, unknown>) {
    this.#file = file;
    this.#value = value;
  }

  #fail(key: string, expected: string): never {
    throw new AloudError("model_invalid", `${this.#file}: ${key}: expected ${expected}`);
  }

  has(key: string): boolean {
    return this.#value[key] !== undefined;
  }

  number(key: string): number {
    const value = this.#value[key];
    return typeof value === "number" ? value : this.#fail(key, "a number");
  }

  string(key: string): string {
    const value = this.#value[key];
    return typeof value === "string" ? value : this.#fail(key, "a string");
  }

  boolean(key: string): boolean {
    const value = this.#value[key];
    return typeof value === "boolean" ? value : this.#fail(key, "true or false");
  }

  strings(key: string): string[] {
    const value = this.#value[key];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    return this.#fail(key, "an array of strings");
  }

  numbers(key: string): Map<string, number> {
    const value = this.#value[key];
    if (!isRecord(value)) return this.#fail(key, "an object of numbers");
    return new Map(
      Object.entries(value).map(([name, id]) => [name, typeof id === "number" ? id : this.#fail(`${key}.${name}`, "a number")]),
    );
  }

  object(key: string): Reader {
    const value = this.#value[key];
    return isRecord(value) ? new Reader(`${this.#file}: ${key}`, value) : this.#fail(key, "an object");
  }

  objects(key: string): Reader[] {
    const value = this.#value[key];
    if (!Array.isArray(value)) return this.#fail(key, "an array of objects");
    return value.map((item, n) =>
      isRecord(item) ? new Reader(`${this.#file}: ${key}[${n}]`, item) : this.#fail(`${key}[${n}]`, "an object"),
    );
  }

  record(key: string): Readonly<Record<string, unknown>> {
    const value = this.#value[key];
    return isRecord(value) ? value : this.#fail(key, "an object");
  }

  channel(value: string, key: string): Channel {
    if (value === "semantic" || value === "acoustic" || value === "answer") return value;
    return this.#fail(key, "semantic, acoustic or answer");
  }
}

/** @throws AloudError `model_file_missing` or `model_invalid`, naming file and key */
export function readModelConfig(dir: string): ModelConfig {
  const config = new Reader("config.json", readModelJson(dir, "config.json"));
  const generation = new Reader("generation_config.json", readModelJson(dir, "generation_config.json"));
  const prompt = config.object("prompt");
  const ctc = config.has("ctc") ? config.object("ctc") : undefined;
  const transcript = config.has("transcript") ? config.object("transcript") : undefined;
  return {
    name: config.string("model_type").replace(/^aloud_/, ""),
    version: config.string("version"),
    contextTokens: config.number("context_length"),
    vocabSize: config.number("vocab_size"),
    hiddenSize: config.object("text_config").number("hidden_size"),
    positionPeriod: config.object("text_config").number("max_position_embeddings"),
    blockFrames: config.object("audio").number("block_frames"),
    stretchBlocks: config.object("audio").has("stretch_blocks") ? config.object("audio").number("stretch_blocks") : undefined,
    crossFramesPerBlock: config.object("audio").number("cross_frames_per_block"),
    maxCrossFrames: config.object("audio").number("max_cross_frames"),
    // Tool calls leave the engine as calls, not as text of a channel.
    channels: config
      .strings("channels")
      .filter((channel) => channel !== "tool_call")
      .map((channel) => config.channel(channel, "channels")),
    specialTokens: config.numbers("special_tokens"),
    ctc: ctc && { blank: ctc.number("blank"), vocab: ctc.strings("vocab") },
    prompt: {
      systemOpen: prompt.strings("system_open"),
      systemClose: prompt.strings("system_close"),
      takesInstructions: prompt.has("instructions") && prompt.boolean("instructions"),
      userOpen: prompt.strings("user_open"),
      audio: prompt.strings("audio"),
      userClose: prompt.strings("user_close"),
      assistantOpen: prompt.strings("assistant_open"),
      think: prompt.strings("think"),
      direct: prompt.strings("direct"),
      acousticOpen: prompt.string("acoustic_open"),
      thinkClose: prompt.string("think_close"),
      turnClose: prompt.string("turn_close"),
      tools: prompt.has("tool_call_open") ? readToolPrompt(prompt) : undefined,
    },
    transcript: transcript && {
      channel: config.channel(transcript.string("channel"), "transcript.channel"),
      open: transcript.string("open"),
      close: transcript.string("close"),
      sentence: transcript.has("sentence") ? transcript.string("sentence") : undefined,
    },
    scribe: config.has("scribe") ? readScribe(config.object("scribe")) : undefined,
    confidence: config.has("confidence") ? readConfidence(config.object("confidence")) : undefined,
    tools: hasModelFile(dir, "tools.json") ? readTools(new Reader("tools.json", { tools: readModelList(dir, "tools.json") })) : [],
    endTokens: new Set([generation.number("eos_token_id")]),
    logMel: readLogMel(new Reader("preprocessor_config.json", readModelJson(dir, "preprocessor_config.json"))),
  };
}

function readToolPrompt(prompt: Reader): ToolPromptConfig {
  return {
    resultOpen: prompt.strings("tool_open"),
    resultClose: prompt.strings("tool_close"),
    callOpen: prompt.string("tool_call_open"),
    callClose: prompt.string("tool_call_close"),
  };
}

function readConfidence(confidence: Reader): ConfidenceConfig {
  const unclear = confidence.object("unclear");
  return {
    transcript: confidence.number("transcript"),
    unclear: { semantic: unclear.string("semantic"), answer: unclear.string("answer") },
  };
}

function readScribe(scribe: Reader): ScribeConfig {
  return {
    prompt: scribe.strings("prompt"),
    end: scribe.string("end"),
    positions: scribe.number("positions"),
    vocabSize: scribe.number("vocab_size"),
    sure: scribe.number("sure"),
    weight: scribe.number("weight"),
    leastConfidence: {
      both: scribe.object("least_confidence").number("both"),
      scribe: scribe.object("least_confidence").number("scribe"),
    },
  };
}

/** Calls of kind `own` concern the model alone: no app's tool stands for them. */
function readTools(file: Reader): KnownTool[] {
  return file
    .objects("tools")
    .filter((tool) => tool.string("kind") !== "own")
    .map((tool) => ({ name: tool.string("name"), parameters: tool.object("parameters").record("properties") }));
}

function readLogMel(file: Reader): LogMelSpec {
  return {
    sampleRateHz: file.number("sampling_rate"),
    fftLength: file.number("n_fft"),
    mels: file.number("feature_size"),
    minHz: file.number("min_frequency"),
    maxHz: file.number("max_frequency"),
    hopSamples: file.number("hop_length"),
    leftZeros: file.number("left_zeros"),
    floor: file.number("floor"),
    offset: file.number("offset"),
    scale: file.number("scale"),
  };
}
