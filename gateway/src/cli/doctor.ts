/** `aloud doctor`: what this machine can run, and what is missing, each with what to do about it. */
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { AloudError } from "@aloud/client/protocol";
import type { Device, Engine } from "@aloud/engine";
import { hasCudaProvider, openEmbeddedEngine } from "@aloud/engine/embedded";
import { readConfig, readEngineChoice } from "../config.ts";
import { findModel, MODELS } from "../plan/models.ts";
import { seeDevices } from "./devices.ts";
import { deviceFindings, embeddedGpuFindings, type Finding, gpuFindings } from "./doctor/findings.ts";
import { isPortTaken, probeGpuFacts } from "./doctor/probes.ts";
import { UsageError } from "./usage-error.ts";

export const DOCTOR_HELP = `aloud doctor: check what this machine can run

  --model NAME  also whether this machine can serve that large model (see aloud plan)
  --json        print the findings as JSON

Exit code 0 when the default model runs here.`;

/** What nano needs at least; measured resident memory of gateway and engine is below it. */
const MIN_FREE_MEMORY_BYTES = 600 * 2 ** 20;
const LOAD_TIMEOUT_MS = 30_000;

export async function doctor(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { model: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    console.log(DOCTOR_HELP);
    return 0;
  }
  const wanted = values.model === undefined ? undefined : findModel(values.model);
  if (values.model !== undefined && wanted === undefined)
    throw new UsageError(`nothing is known of the model "${values.model}"`, `known: ${MODELS.map(({ id }) => id).join(", ")}`);
  const [models, port, gpuFacts] = [await checkModel(), await checkPort(), await probeGpuFacts()];
  const gpus = [...embeddedGpuFindings(gpuFacts.seen, hasCudaProvider()), ...gpuFindings(gpuFacts, wanted)];
  const findings = [checkNode(), checkProcessor(), checkMemory(), ...models, port, ...gpus];
  console.log(values.json ? JSON.stringify(findings, null, 2) : render(findings));
  return findings.some((finding) => finding.verdict === "bad") ? 1 : 0;
}

function render(findings: readonly Finding[]): string {
  const mark = { ok: "ok  ", note: "note", bad: "BAD " };
  const lines = findings.flatMap(({ check, verdict, found, advice }) => [
    `${mark[verdict]}  ${check.padEnd(13)} ${found}`,
    ...(advice ? [`                    → ${advice}`] : []),
  ]);
  const bad = findings.filter((finding) => finding.verdict === "bad").length;
  lines.push("", bad === 0 ? "nano runs here: npm start" : `${bad} thing${bad === 1 ? "" : "s"} to mend before Aloud runs here.`);
  return lines.join("\n");
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const good = major > 20 || (major === 20 && minor >= 19);
  return {
    check: "Node",
    verdict: good ? "ok" : "bad",
    found: `${process.versions.node} on ${process.platform}/${process.arch}`,
    advice: good ? "" : "install Node 20.19 or newer",
  };
}

function checkProcessor(): Finding {
  return {
    check: "processor",
    verdict: "ok",
    found: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "unknown"}`,
    advice: "",
  };
}

function checkMemory(): Finding {
  const enough = freemem() >= MIN_FREE_MEMORY_BYTES;
  return {
    check: "memory",
    verdict: enough ? "ok" : "note",
    found: `${gib(freemem())} of ${gib(totalmem())} GiB free`,
    advice: enough ? "" : `nano wants about ${gib(MIN_FREE_MEMORY_BYTES)} GiB; close something`,
  };
}

/** Loads the model as `serve` does, on the devices of `ALOUD_DEVICES`, which checks every file against its hash and the runtime for real. */
async function checkModel(): Promise<readonly Finding[]> {
  // What only the other engine does is no fault of this one.
  const choice = readEngineChoice({ engine: "embedded", thinkAhead: "0" });
  const devices = await seeDevices(choice.engine === "embedded" ? choice.devices : []);
  const engine = openEmbeddedEngine({ maxConversations: 1, devices });
  const deadline = AbortSignal.timeout(LOAD_TIMEOUT_MS);
  try {
    const opening = engine.open({});
    const late = new Promise<never>((_resolve, reject) => {
      deadline.addEventListener("abort", () => reject(new AloudError("engine_loading", `not loaded after ${LOAD_TIMEOUT_MS / 1000} s`)));
    });
    const startedAt = performance.now();
    const conversation = await Promise.race([opening, late]);
    const ms = Math.round(performance.now() - startedAt);
    await conversation.close();
    const settled = await Promise.race([untilSettled(engine), late]);
    const memoryBytes = settled.reduce((sum, device) => sum + device.memoryBytes, 0);
    const found = `${engine.info.model}: every file is whole; loaded in ${ms} ms, ${Math.round(memoryBytes / 2 ** 20)} MiB`;
    return [{ check: "model", verdict: "ok", found, advice: "" }, ...deviceFindings(settled)];
  } catch (error) {
    const { message, code } = AloudError.from(error);
    const advice =
      code === "model_file_missing" || code === "model_file_damaged" ? "restore the file (git checkout, or install the package again)" : "";
    return [{ check: "model", verdict: "bad", found: message, advice }];
  } finally {
    await engine.close();
  }
}

/** Resolves with the devices when none of them loads any more. */
async function untilSettled(engine: Engine): Promise<readonly Device[]> {
  let unwatch = () => {};
  try {
    return await new Promise((resolve) => {
      const check = () => {
        const status = engine.status();
        if (status.state === "ready" && status.devices.every(({ state }) => state !== "loading")) resolve(status.devices);
      };
      unwatch = engine.watch(check);
      check();
    });
  } finally {
    unwatch();
  }
}

async function checkPort(): Promise<Finding> {
  const { host, port } = readConfig();
  const taken = await isPortTaken(port, host);
  return {
    check: "port",
    verdict: taken ? "note" : "ok",
    found: `${port} on ${host} is ${taken ? "taken (perhaps Aloud runs already)" : "free"}`,
    advice: taken ? "choose another with --port N or ALOUD_PORT" : "",
  };
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}
