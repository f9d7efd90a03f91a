/** `aloud plan`: what runs on which GPUs, and the command for it, before anything is downloaded. Offline; the arithmetic is docs/plan.md. */
import { parseArgs } from "node:util";
import { readStepAudioTemplate } from "@aloud/engine/vllm";
import { type GpuGroup, groupSeen, parseGpus } from "../plan/cards.ts";
import { COMPOSE_DIR, composeFile } from "../plan/compose-file.ts";
import { fitAll } from "../plan/fit.ts";
import { findModel, MODELS, PRECISIONS, type Precision } from "../plan/models.ts";
import { proposed, type Report, render, renderNone, toJson } from "../plan/report.ts";
import { seeGpus } from "./gpus.ts";
import { UsageError } from "./usage-error.ts";

export const PLAN_HELP = `aloud plan: what runs on which GPUs, and the command for it

  --gpu CARDS      plan for these instead of this machine's: A6000:48x1, L40S:48x4, H100:80x2,A6000:48x1
  --model NAME     for this model: ${MODELS.map(({ id }) => id).join(", ")}
  --sessions N     conversations at a time that it must hold
  --context N      tokens that one conversation must hold
  --precision P    only this one: ${Object.keys(PRECISIONS).join(", ")}
  --json           all figures, for programs
  --compose        print a compose file instead, for ${COMPOSE_DIR}
  --chat-template  print Aloud's chat template for Step-Audio-R1

Nothing is downloaded or started. Exit code 1 when the model does not fit, or no GPU was found.`;

/** This long for the machine's own GPUs; with `--gpu` nothing is asked. */
const PROBE_MS = 3_000;
const MAX_WISH = 10_000_000;

export type PlanArgs =
  | { readonly do: "help" }
  | { readonly do: "template" }
  | ({ readonly do: "plan"; readonly form: "screen" | "json" | "compose"; readonly gpus: readonly GpuGroup[] | undefined } & Pick<
      Report,
      "wanted" | "wishes" | "described"
    >);

/** @throws UsageError, AloudError `invalid_value`, or what parseArgs throws */
export function parsePlanArgs(args: readonly string[]): PlanArgs {
  const { values } = parseArgs({
    args: [...args],
    options: {
      gpu: { type: "string" },
      model: { type: "string" },
      sessions: { type: "string" },
      context: { type: "string" },
      precision: { type: "string" },
      json: { type: "boolean" },
      compose: { type: "boolean" },
      "chat-template": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return { do: "help" };
  if (values["chat-template"]) return { do: "template" };
  if (values.json && values.compose) throw new UsageError("--json and --compose exclude each other", "aloud plan --help says more");
  const wanted = values.model === undefined ? undefined : findModel(values.model);
  if (values.model !== undefined && wanted === undefined)
    throw new UsageError(`nothing is known of the model "${values.model}"`, `known: ${MODELS.map(({ id }) => id).join(", ")}`);
  return {
    do: "plan",
    form: values.json ? "json" : values.compose ? "compose" : "screen",
    gpus: values.gpu === undefined ? undefined : parseGpus(values.gpu),
    wanted,
    wishes: {
      sessions: whole("--sessions", values.sessions),
      context: whole("--context", values.context),
      precision: parsePrecision(values.precision),
    },
    described: values.gpu,
  };
}

function whole(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > MAX_WISH)
    throw new UsageError(`${flag}: expected a whole number from 1 to ${MAX_WISH}, got "${text}"`);
  return value;
}

function parsePrecision(text: string | undefined): Precision | undefined {
  if (text === undefined || isPrecision(text)) return text;
  throw new UsageError(`--precision: expected ${Object.keys(PRECISIONS).join(", ")}, got "${text}"`);
}

function isPrecision(text: string): text is Precision {
  return Object.hasOwn(PRECISIONS, text);
}

export async function plan(args: readonly string[]): Promise<number> {
  const parsed = parsePlanArgs(args);
  if (parsed.do === "help") {
    console.log(PLAN_HELP);
    return 0;
  }
  if (parsed.do === "template") {
    process.stdout.write(readStepAudioTemplate());
    return 0;
  }
  const seen = parsed.gpus === undefined ? await seeGpus(PROBE_MS) : undefined;
  const groups = parsed.gpus ?? (seen?.found ? groupSeen(seen.gpus) : []);
  if (groups.length === 0) {
    const why = seen?.found === false ? seen.why : "the cards here are slices (MIG) or tell no memory; describe them with --gpu";
    console.log(parsed.form === "json" ? JSON.stringify({ gpus: [], proposed: "nano", why }, null, 2) : renderNone(why));
    return 1;
  }
  const report: Report = { ...parsed, groups, fits: fitAll(groups, parsed.wishes) };
  const choice = proposed(report);
  const good = choice !== undefined && (parsed.wanted === undefined || parsed.wanted.id === choice.model.id);
  if (parsed.form === "compose") {
    if (choice === undefined || !good)
      throw new UsageError("nothing to compose: the model does not fit", "the same command without --compose says why");
    process.stdout.write(composeFile(choice));
    return 0;
  }
  console.log(parsed.form === "json" ? JSON.stringify(toJson(report), null, 2) : render(report));
  return good ? 0 : 1;
}
