/** What to start for a placement: vLLM's arguments, the container around them, Aloud's own line, and a compose file of both. Pure text. */
import type { Placement } from "./fit.ts";
import { UTILISATION } from "./memory.ts";

/** The newest release that research has run; its GPU image lacks the audio extras, so they are added. */
export const VLLM_VERSION = "0.32.0";
const VLLM_IMAGE = `vllm/vllm-openai:v${VLLM_VERSION}`;
/** With the audio extras, as the built file below makes it. */
const VLLM_AUDIO_IMAGE = `aloud/vllm-audio:${VLLM_VERSION}`;
/** vLLM 0.10.1.1 with StepFun's model classes. */
const STEPFUN_IMAGE = "stepfun2025/vllm:step-audio-2-v20250909";
export const SERVER_PORT = 8_000;
/** A conversation of 17 minutes in parts of 2 s. */
const MAX_AUDIO_PARTS = 512;
/** Each conversation may have a warm-up beside its answer. */
const REQUESTS_PER_SESSION = 2;
const MIN_SEQUENCES = 8;
const MAX_SEQUENCES = 128;

/** Words after `vllm serve`, flag by flag. `template` is the chat template's text. */
export function serverFlags(placement: Placement, template: string): readonly (readonly string[])[] {
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

function cardsOf({ group, degree }: Placement, replica: number): readonly number[] {
  const all = group.indices.length > 0 ? group.indices : Array.from({ length: group.count }, (_, index) => index);
  return all.slice(replica * degree, (replica + 1) * degree);
}

function imageOf({ model }: Placement): string {
  return model.server === "stepfun" ? STEPFUN_IMAGE : VLLM_AUDIO_IMAGE;
}

/** What makes the image, when there is none to pull. */
export function buildCommand({ model }: Placement): readonly string[] {
  if (model.server === "stepfun") return [];
  return [`printf '${dockerfile().replaceAll("\n", "\\n")}\\n' \\`, `  | docker build -t ${VLLM_AUDIO_IMAGE} -`];
}

function dockerfile(): string {
  return `FROM ${VLLM_IMAGE}\nRUN uv pip install --system "vllm[audio]==${VLLM_VERSION}"`;
}

/** The shell command of one replica, wrapped to `width` columns. It listens on this machine only: vLLM asks nobody for a key. */
export function serverCommand(placement: Placement, replica: number, width: number): readonly string[] {
  const port = SERVER_PORT + replica;
  const words = [
    `docker run -d --name vllm-${replica}`,
    `--gpus '"device=${cardsOf(placement, replica).join(",")}"'`,
    "--ipc=host",
    `-p 127.0.0.1:${port}:8000`,
    "-e HF_TOKEN",
    "-e VLLM_NO_USAGE_STATS=1",
    '-v "$HOME/.cache/huggingface:/root/.cache/huggingface"',
    ...(placement.model.server === "stepfun" ? [imageOf(placement), "-- vllm serve"] : ["--entrypoint vllm", imageOf(placement), "serve"]),
    ...serverFlags(placement, "").map(([flag = "", ...values]) => {
      if (flag === "--chat-template") return '--chat-template "$(npx aloud plan --chat-template)"';
      return [flag, ...values.map(quoted)].join(" ");
    }),
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

/** A whole compose file: every replica, with `template` for the models that need ours. Aloud itself stays outside: `aloudCommand` is in its head. */
export function composeFile(placement: Placement, template: string): string {
  const { model, build, replicas } = placement;
  const services = Array.from({ length: replicas }, (_, replica) => {
    // As StepFun documents its image: the entry point stays, and starts what follows the dashes.
    const start = model.server === "stepfun" ? ["--", "vllm", "serve"] : [];
    const words = [...start, ...serverFlags(placement, template).flat()];
    return [
      `  vllm-${replica}:`,
      ...(model.server === "stepfun"
        ? [`    image: ${STEPFUN_IMAGE}`]
        : [
            `    image: ${VLLM_AUDIO_IMAGE}`,
            "    build:",
            "      dockerfile_inline: |",
            ...dockerfile()
              .split("\n")
              .map((line) => `        ${line}`),
          ]),
      ...(model.server === "stepfun" ? [] : ['    entrypoint: ["vllm", "serve"]']),
      "    command:",
      ...words.map((word) => `      - ${yaml(word)}`),
      "    ipc: host",
      `    ports: ["127.0.0.1:${SERVER_PORT + replica}:8000"]`,
      "    environment:",
      `      HF_TOKEN: "\${HF_TOKEN:-}"`,
      '      VLLM_NO_USAGE_STATS: "1"',
      '    volumes: ["huggingface:/root/.cache/huggingface"]',
      "    deploy:",
      "      resources:",
      "        reservations:",
      "          devices:",
      `            - {driver: nvidia, device_ids: [${cardsOf(placement, replica)
        .map((index) => `"${index}"`)
        .join(", ")}], capabilities: [gpu]}`,
      "    healthcheck:",
      `      test: ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/health')"]`,
      "      interval: 10s",
      "      start_period: 30m",
      "    restart: unless-stopped",
    ];
  });
  return [
    `# ${model.name}, ${build.repository}: made by aloud plan. Start it, then Aloud beside it:`,
    "#   docker compose up -d --wait",
    `#   ${aloudCommand(placement)}`,
    "services:",
    ...services.flat(),
    "volumes:",
    "  huggingface: {}",
    "",
  ].join("\n");
}

/** JSON strings are YAML strings; compose expands a single dollar. */
function yaml(word: string): string {
  return JSON.stringify(word).replaceAll("$", "$$$$");
}
