/** The screen of `aloud plan`: at most 40 lines of 100 columns. Pure text. */
import type { GpuGroup } from "./cards.ts";
import { COMPOSE_DIR, readyFile } from "./compose-file.ts";
import { choose, diskBytes, type Fit, fit, type Placement, smallestMachine, type Wishes } from "./fit.ts";
import { GIB, kvBytesPerToken, UTILISATION, weightBytes } from "./memory.ts";
import { type Model, PRECISIONS } from "./models.ts";
import { aloudCommand, buildCommand, SERVER_PORT, serverCommand } from "./server-command.ts";

const WIDTH = 100;
const ON_WIDTH = 18;

export interface Report {
  readonly groups: readonly GpuGroup[];
  /** What `--gpu` said; undefined for the GPUs of this machine. */
  readonly described: string | undefined;
  readonly fits: readonly Fit[];
  /** The model that was asked for; without one, the best is chosen. */
  readonly wanted: Model | undefined;
  readonly wishes: Wishes;
}

/** What is proposed: the wanted model if it fits, else the best that does. */
export function proposed({ fits, wanted }: Report): Placement | undefined {
  const own = fits.find((each) => modelOf(each).id === wanted?.id);
  return own?.fits ? own.placement : choose(fits);
}

export function render(report: Report): string {
  const { groups, described, fits, wanted, wishes } = report;
  const choice = proposed(report);
  const origin = described !== undefined ? "as described" : "found on this machine";
  const lines = groups.map((group) => groupLine(group));
  lines.push(`${lines.pop()}, ${origin}; nothing is downloaded or started`, "");
  lines.push(row(" ", "model", "precision", "weights", "servers × GPUs", "context", "KV tokens", "sessions"));
  for (const each of fits) lines.push(fitRow(each, each.fits && each.placement === choice));
  if (fits.some((each) => each.fits && each.placement.build.origin === "experimental"))
    lines.push("  ? reported to load, accuracy unknown: proposed only when asked for or when nothing else fits");
  lines.push("");
  const refused = fits.find((each) => !each.fits && each.model.id === wanted?.id);
  if (refused !== undefined && !refused.fits) lines.push(...refusal(refused.model, refused.why, wishes));
  if (choice === undefined) {
    lines.push("None of these models fits. nano runs on the processor, with no GPU at all: npm start");
    return lines.join("\n");
  }
  if (refused !== undefined) lines.push(`Nearest that does fit here: ${choice.model.name}`, "");
  lines.push(
    ...details(choice),
    "",
    ...commands(choice),
    ...composeCommands(choice, again(described, wanted === undefined ? undefined : choice.model, wishes)),
  );
  return lines.join("\n");
}

/** No GPU was found and none described. */
export function renderNone(why: string): string {
  return [
    `No NVIDIA GPU: ${why}.`,
    "",
    "What runs here is nano, on the processor, with nothing to download:",
    "  npm start",
    "",
    "To plan for another machine, describe it: npx aloud plan --gpu L40S:48x4",
  ].join("\n");
}

function groupLine({ name, count, usableGib }: GpuGroup): string {
  return `${count} × ${name} (${usableGib.toFixed(1)} GiB usable each)`;
}

function row(
  mark: string,
  ...[model = "", precision = "", weights = "", on = "", context = "", tokens = "", sessions = ""]: string[]
): string {
  const cells = [
    mark,
    model.padEnd(28),
    precision.padEnd(9),
    weights.padStart(7),
    on.padEnd(ON_WIDTH),
    context.padStart(8),
    tokens.padStart(9),
    sessions.padStart(9),
  ];
  return cells.join(" ").trimEnd();
}

function modelOf(each: Fit): Model {
  return each.fits ? each.placement.model : each.model;
}

function fitRow(each: Fit, chosen: boolean): string {
  if (!each.fits) return `  ${each.model.name.padEnd(28)} ✗ ${each.why}`.slice(0, WIDTH);
  const { model, build, group, degree, replicas, context, budget, sessions } = each.placement;
  const gb = `${(weightBytes(model, build.precision) / 1e9).toFixed(0)} GB`;
  const on = `${replicas} × ${degree} ${group.name}`.slice(0, ON_WIDTH);
  const tokens = number(budget.kvTokens);
  const precision = PRECISIONS[build.precision].label + (build.origin === "experimental" ? "?" : "");
  return row(chosen ? "→" : " ", model.name, precision, gb, on, number(context), tokens, number(sessions));
}

function refusal(model: Model, why: string, wishes: Wishes): readonly string[] {
  const machine = smallestMachine(model, wishes);
  return [
    `${model.name} does not fit: ${why}.`,
    ...(machine === undefined
      ? []
      : [
          `It would on ${machine.group.count} × ${machine.group.name} (${PRECISIONS[machine.build.precision].label}): ${again(`${machine.group.name}x${machine.group.count}`, model, wishes)}`,
        ]),
  ];
}

/** The command that asks the same of other GPUs or another model. */
function again(gpu: string | undefined, model: Model | undefined, { sessions, context, precision }: Wishes): string {
  const flags = [
    ["--gpu", gpu === undefined || /^[\w:.,-]+$/.test(gpu) ? gpu : `"${gpu}"`],
    ["--model", model?.id],
    ["--sessions", sessions],
    ["--context", context],
    ["--precision", precision],
  ];
  return ["npx aloud plan", ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [`${flag} ${value}`]))].join(" ");
}

function details(placement: Placement): readonly string[] {
  const { model, build, degree, replicas, group, budget, msPerToken, context, sessions, sessionTokens } = placement;
  const gib = (bytes: number) => (bytes / GIB).toFixed(1);
  const how = {
    published: "as published",
    community: `quantised by ${build.repository.split("/")[0]}`,
    online: "quantised while loading",
    experimental: "accuracy unknown",
  }[build.origin];
  const where = `${degree === 1 ? "one" : degree} ${group.name}${replicas > 1 ? ` each, ${replicas} replicas` : ""}`;
  const kv = Math.round(kvBytesPerToken(model) / 1024);
  return [
    `${model.name} in ${PRECISIONS[build.precision].label} (${how}) on ${where}; ${Math.ceil(diskBytes(model, build) / 1e9)} GB to download`,
    `  memory   ${group.usableGib.toFixed(1)} × ${UTILISATION} = ${gib(budget.usableBytes)} GiB a card: weights ${gib(budget.weightBytes)}, reserve ${gib(budget.reserveBytes)}, cache ${gib(budget.kvBytes)} (${kv} KiB a token)`,
    `  limits   ${number(context)} tokens a conversation; ${number(sessions)} conversations of ${number(sessionTokens)} tokens at a time`,
    ...denser(placement),
    ...(msPerToken === undefined ? [] : [`  speed    ${speed(placement, msPerToken)}`]),
    ...(model.caution === "" ? [] : [`  first    ${model.caution}`]),
  ];
}

/** Smaller weights of the same model that hold at least twice as many conversations here. */
function denser({ model, build, group, sessions }: Placement): readonly string[] {
  for (const other of model.builds) {
    if (other === build || other.origin === "experimental") continue;
    const found = fit(model, [group], { precision: other.precision });
    if (found.fits && found.placement.sessions >= 2 * sessions)
      return [
        `           ${PRECISIONS[other.precision].label} would hold ${number(found.placement.sessions)}: --precision ${other.precision}`,
      ];
  }
  return [];
}

function speed({ model }: Placement, msPerToken: number): string {
  const atBest = `at best ${msPerToken < 10 ? msPerToken.toFixed(1) : Math.round(msPerToken)} ms a token (memory bandwidth)`;
  if (!model.thinks) return atBest;
  const seconds = Math.round((model.thinkTokens * msPerToken) / 1_000);
  return `${atBest}; a thought of ${number(model.thinkTokens)} tokens: ${seconds} s or more`;
}

function commands(placement: Placement): readonly string[] {
  const last = SERVER_PORT + placement.replicas - 1;
  return [
    buildCommand(placement),
    ...serverCommand(placement, 0, WIDTH),
    ...(placement.replicas === 1 ? [] : [`# and so on for the other replicas, up to port ${last}; the compose file has them all`]),
    ...foldUrls(aloudCommand(placement)),
  ];
}

/** The file that lies there for just this, or the command that makes one beside it. */
function composeCommands(placement: Placement, planAgain: string): readonly string[] {
  const ready = readyFile(placement);
  if (ready !== undefined) return [`All of it with compose instead: docker compose -f ${COMPOSE_DIR}/${ready} up -d --wait`];
  return [
    `All of it with compose instead: ${planAgain} --compose > ${COMPOSE_DIR}/mine.yaml`,
    `  docker compose -f ${COMPOSE_DIR}/mine.yaml up -d --wait`,
  ];
}

function foldUrls(command: string): readonly string[] {
  if (command.length <= WIDTH) return [command];
  const [head = "", ...urls] = command.split(" --url ");
  const lines: string[] = [];
  let line = head;
  for (const url of urls) {
    if (`${line} --url ${url} \\`.length > WIDTH) {
      lines.push(`${line} \\`);
      line = `  --url ${url}`;
    } else line = `${line} --url ${url}`;
  }
  return [...lines, line];
}

function number(value: number): string {
  return value.toLocaleString("en");
}

/** For programs: the same facts, in bytes and whole numbers. */
export function toJson(report: Report): unknown {
  const choice = proposed(report);
  return {
    gpus: report.groups.map(({ name, count, usableGib, capability }) => ({ name, count, usable_gib: round(usableGib), capability })),
    proposed: choice?.model.id ?? "nano",
    models: report.fits.map((each) => {
      if (!each.fits) return { model: each.model.id, fits: false, why: each.why };
      const { model, build, group, degree, replicas, context, budget, sessions, sessionTokens, msPerToken } = each.placement;
      return {
        model: model.id,
        fits: true,
        repository: build.repository,
        precision: build.precision,
        origin: build.origin,
        gpu: group.name,
        tensor_parallel: degree,
        replicas,
        context,
        kv_tokens: budget.kvTokens,
        kv_bytes_per_token: kvBytesPerToken(model),
        sessions,
        session_tokens: sessionTokens,
        weight_bytes: weightBytes(model, build.precision),
        disk_bytes: diskBytes(model, build),
        ms_per_token_at_best: msPerToken === undefined ? null : round(msPerToken),
        server_command: serverCommand(each.placement, 0, Number.POSITIVE_INFINITY).join(" "),
        aloud_command: aloudCommand(each.placement),
        source: model.source,
      };
    }),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
