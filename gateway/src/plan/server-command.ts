/** What to start for a placement: vLLM's arguments, the container around them, Aloud's own line. Pure text. The same as a file: compose-file.ts. */
import type { Placement } from "./fit.ts";
import { UTILISATION } from "./memory.ts";
import type { ServerKind } from "./models.ts";

/** The newest release that research has run. deploy/vllm.Dockerfile has it as its default. */
export const VLLM_VERSION = "0.32.0";
/** vLLM 0.10.1.1 with StepFun's model classes. */
export const STEPFUN_IMAGE = "stepfun2025/vllm:step-audio-2-v20250909";
/** What deploy/vllm.Dockerfile makes of them, by its targets. */
export const IMAGES: Readonly<Record<ServerKind, string>> = {
  vllm: `aloud/vllm:${VLLM_VERSION}`,
  stepfun: "aloud/vllm-stepfun:20250909",
};
/** In those images. */
const STEP_AUDIO_TEMPLATE = "/etc/aloud/templates/step-audio-r1.jinja";
export const SERVER_PORT = 8_000;
/** A conversation of 17 minutes in parts of 2 s. */
const MAX_AUDIO_PARTS = 512;
/** Each conversation may have a warm-up beside its answer. */
const REQUESTS_PER_SESSION = 2;
const MIN_SEQUENCES = 8;
const MAX_SEQUENCES = 128;

/** Words after `vllm serve`, flag by flag. `template`: where the server finds our chat template, or its text. */
export function serverFlags(placement: Placement, template = STEP_AUDIO_TEMPLATE): readonly (readonly string[])[] {
  const { model, build, degree, context, sessions, replicas } = placement;
  const sequences = Math.min(MAX_SEQUENCES, Math.max(MIN_SEQUENCES, Math.ceil(sessions / replicas) * REQUESTS_PER_SESSION));
  // Room for pictures and films would be reserved at the start.
  const perPrompt = model.id === "qwen3-omni" ? { audio: MAX_AUDIO_PARTS, image: 0, video: 0 } : { audio: MAX_AUDIO_PARTS };
  return [
    [build.repository],
    ["--served-model-name", model.name],
    ...(degree > 1 ? [["--tensor-parallel-size", String(degree)]] : []),
    ["--max-model-len", String(context)],
    ["--max-num-seqs", String(sequences)],
    ["--gpu-memory-utilization", String(UTILISATION)],
    ...(build.origin === "online" ? [["--quantization", "fp8"]] : []),
    ...(build.precision === "bnb4" ? [["--quantization", "bitsandbytes"]] : []),
    ["--limit-mm-per-prompt", JSON.stringify(perPrompt)],
    ["--enable-prefix-caching"],
    ["--enable-prompt-tokens-details"],
    ["--scheduling-policy", "priority"],
    ...pairs(model.flags),
    ...(model.server === "stepfun" ? [["--chat-template", template]] : []),
  ];
}

/** A flag and its value stay together. */
function pairs(words: readonly string[]): readonly (readonly string[])[] {
  const grouped: string[][] = [];
  for (const word of words) {
    if (word.startsWith("--")) grouped.push([word]);
    else grouped.at(-1)?.push(word);
  }
  return grouped;
}

/** CUDA indices of a replica's cards. */
export function cardsOf({ group, degree }: Placement, replica: number): readonly number[] {
  const all = group.indices.length > 0 ? group.indices : Array.from({ length: group.count }, (_, index) => index);
  return all.slice(replica * degree, (replica + 1) * degree);
}

/** What makes the image; in the repository's root. */
export function buildCommand({ model }: Placement): string {
  return `docker build -f deploy/vllm.Dockerfile --target ${model.server} -t ${IMAGES[model.server]} .`;
}

/** The shell command of one replica, wrapped to `width` columns. It listens on this machine only: vLLM asks nobody for a key. */
export function serverCommand(placement: Placement, replica: number, width: number): readonly string[] {
  const port = SERVER_PORT + replica;
  const { server } = placement.model;
  const words = [
    `docker run -d --name vllm-${replica}`,
    `--gpus '"device=${cardsOf(placement, replica).join(",")}"'`,
    "--shm-size 16g",
    `-p 127.0.0.1:${port}:8000`,
    "-e HF_TOKEN",
    "-v aloud-models:/var/cache/huggingface",
    // As StepFun documents its image: the entry point stays, and starts what follows the dashes.
    server === "stepfun" ? `${IMAGES[server]} -- vllm serve` : IMAGES[server],
    ...serverFlags(placement).map(([flag = "", ...values]) => [flag, ...values.map(quoted)].join(" ")),
  ];
  return wrap(words, width);
}

export function aloudCommand({ model, replicas }: Placement, host = "localhost"): string {
  const urls = Array.from({ length: replicas }, (_, replica) => `--url http://${host}:${SERVER_PORT + replica}`);
  return `npx aloud serve --engine vllm --model ${model.name} ${urls.join(" ")}`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Breaks between words only, with a backslash and an indent. */
function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length + 2 > width && line !== "") {
      lines.push(`${line} \\`);
      line = `  ${word}`;
    } else line = longer;
  }
  return [...lines, line];
}
