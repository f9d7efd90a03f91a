/**
 * A placement as a compose file: one service a vLLM server and the gateway before them. What the services have in common is in deploy/compose
 * (laptop.yaml, vllm.yaml), which the file extends, so it lies there. Pure text; the files that lie there for usual machines are this text.
 */
import { parseGpus } from "./cards.ts";
import { choose, fit, fitAll, type Placement } from "./fit.ts";
import { findModel } from "./models.ts";
import { cardsOf, SERVER_PORT, serverFlags } from "./server-command.ts";

/** Where compose files lie in the repository. */
export const COMPOSE_DIR = "deploy/compose";

/** Files in `COMPOSE_DIR` that are what `aloud plan --compose` prints for these machines. */
export const READY_FILES: readonly { readonly file: string; readonly gpu: string; readonly model?: string }[] = [
  { file: "small-gpu.yaml", gpu: "RTX4090:24x1" },
  { file: "one-gpu.yaml", gpu: "H100:80x1" },
  { file: "four-gpus.yaml", gpu: "L40S:48x4" },
  { file: "replicas.yaml", gpu: "L40S:48x4", model: "qwen3-omni" },
];

/** The file that lies there for just this placement. */
export function readyFile(placement: Placement): string | undefined {
  const services = composeFile(placement);
  return READY_FILES.find((ready) => {
    const planned = plannedFor(ready);
    return planned !== undefined && composeFile(planned) === services;
  })?.file;
}

/** What `aloud plan` proposes for the machine of a ready file. */
export function plannedFor({ gpu, model }: (typeof READY_FILES)[number]): Placement | undefined {
  const groups = parseGpus(gpu);
  const wanted = model === undefined ? undefined : findModel(model);
  if (wanted === undefined) return choose(fitAll(groups));
  const found = fit(wanted, groups);
  return found.fits ? found.placement : undefined;
}

/** Settings of a gateway with vLLM servers that compose takes from the environment. */
const PASSED_ON = ["ALOUD_VLLM_KEY", "ALOUD_VLLM_CACHE_SALT", "ALOUD_THINK_AHEAD"];

export function composeFile(placement: Placement): string {
  const { model, build, group, degree, replicas } = placement;
  const servers = Array.from({ length: replicas }, (_, replica) => replica);
  // Inside the file's network every server listens on vLLM's own port.
  const urls = servers.map((replica) => `http://vllm-${replica}:${SERVER_PORT}`).join(",");
  const each = replicas > 1 ? `${replicas} servers, ${degree} each` : degree > 1 ? `one server over ${degree}` : "one server";
  return [
    `# ${model.name} from ${build.repository} (${build.precision}) on ${group.count} × ${group.name}: ${each}. Made by aloud plan --compose.`,
    "# Aloud is there at once and says that it waits for the model; `up -d --wait` returns when the model is there, too.",
    "name: aloud",
    "services:",
    "  keys:",
    "    extends: { file: laptop.yaml, service: keys }",
    "  aloud:",
    "    extends: { file: laptop.yaml, service: aloud }",
    "    environment:",
    "      ALOUD_ENGINE: vllm",
    `      ALOUD_MODEL: ${model.name}`,
    `      ALOUD_VLLM_URL: ${urls}`,
    ...PASSED_ON.map((name) => `      ${name}: \${${name}:-}`),
    // Only the order matters, and that is the one in which they stop: the gateway first, so that running turns are finished.
    "    depends_on:",
    ...servers.map((replica) => `      vllm-${replica}: { condition: service_started }`),
    ...servers.flatMap((replica) => server(placement, replica)),
    "volumes:",
    "  keys: {}",
    "  models: {}",
    "  compiled: {}",
    "",
  ].join("\n");
}

function server(placement: Placement, replica: number): readonly string[] {
  const { server: kind } = placement.model;
  // StepFun's image keeps its entry point, which starts what follows the dashes.
  const start = kind === "stepfun" ? [["--", "vllm", "serve"]] : [];
  const cards = cardsOf(placement, replica).map((index) => `"${index}"`);
  return [
    `  vllm-${replica}:`,
    `    extends: { file: vllm.yaml, service: ${kind} }`,
    "    command:",
    ...[...start, ...serverFlags(placement)].flat().map((word) => `      - ${yaml(word)}`),
    "    deploy:",
    "      resources:",
    "        reservations:",
    `          devices: [{ driver: nvidia, device_ids: [${cards.join(", ")}], capabilities: [gpu] }]`,
  ];
}

/** JSON strings are YAML strings, and JSON itself is easier to read in single quotes; compose expands a single dollar. */
function yaml(word: string): string {
  const quoted = /"/.test(word) && !/['\\\n]/.test(word) ? `'${word}'` : JSON.stringify(word);
  return quoted.replaceAll("$", "$$$$");
}
