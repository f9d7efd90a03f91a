/**
 * `npm run eval -- CLIPS [--output DIR] [--quick] [--report]`: runs the evaluation clips through the embedded engine and prints the model card's tables.
 * Results are kept in DIR (default: CLIPS/results) by the model's hash: a run that was stopped goes on where it was, `--report` prints what is there.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Tool } from "@aloud/engine";
import { NANO_DIR } from "@aloud/engine/embedded";
import { openClips } from "./clips.ts";
import { jobsOf, keyOf } from "./jobs.ts";
import type { Outcome } from "./outcome.ts";
import { failures, type Peers, report } from "./report.ts";
import { readResults, runJobs } from "./run.ts";

interface NanoTool extends Tool {
  readonly kind: string;
}

export async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { output: { type: "string" }, quick: { type: "boolean", default: false }, report: { type: "boolean", default: false } },
  });
  const [directory] = positionals;
  if (directory === undefined || !existsSync(join(directory, "index.json"))) {
    console.error(
      "npm run eval -- CLIPS [--output DIR] [--quick] [--report]\nCLIPS is what `python -m aloud_nano.evalsets` writes: see engine/training/README.md.",
    );
    process.exitCode = 1;
    return;
  }
  const output = values.output ?? join(directory, "results");
  mkdirSync(output, { recursive: true });
  const model = createHash("sha256")
    .update(readFileSync(join(NANO_DIR, "manifest.json")))
    .digest("hex")
    .slice(0, 8);
  const file = join(output, `${model}.jsonl`);
  const clips = openClips(directory);
  const tools = JSON.parse(readFileSync(join(NANO_DIR, "tools.json"), "utf8")) as readonly NanoTool[];
  try {
    const jobs = jobsOf(clips.clips, values.quick);
    const known = readResults(file);
    const open = jobs.filter((job) => job.clips.some((clip) => !known.has(keyOf(clip, job.budget))));
    if (!values.report) await runJobs(open, clips, tools, file);
    const results = readResults(file);
    const outcomes = jobs.flatMap(({ clips, budget }) =>
      clips.flatMap((clip): Outcome[] => {
        const result = results.get(keyOf(clip, budget));
        return result === undefined ? [] : [{ clip, budget, result }];
      }),
    );
    const actions = new Set(tools.filter(({ kind }) => kind === "action").map(({ name }) => name));
    const peers: Peers = { whisper: json(join(directory, "whisper.json")), grounding: json(join(output, `${model}.grounding.json`)) };
    console.log(report(outcomes, actions, peers));
    writeFileSync(join(output, "failures.md"), failures(outcomes));
    console.error(`failures: ${join(output, "failures.md")}; results: ${file}`);
  } finally {
    clips.close();
  }
}

function json<T>(path: string): T | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
}
