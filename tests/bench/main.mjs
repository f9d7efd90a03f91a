/**
 * `npm run bench [-- NAME …] [--json FILE]`: runs the benchmarks, each printing a table with medians and ratios.
 * Machines are shared and noisy: read the ratios, and CPU time rather than wall time where there is a choice.
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { printTable } from "./table.mjs";
import { VLLM_OPTIONS } from "./vllm.mjs";

const BENCHES = {
  endpoint: "endpoint to first thinking token, incremental against one-shot prefill",
  engine: "real-time factor, tokens per second, against a bare onnxruntime loop",
  turn: "endpoint to first thought and first answer at the gateway, with and without speculation",
  sessions: "CPU per live session and the event loop's delay, through the gateway",
  noise: "what nano answers as noise drowns a speaker",
  vllm: "endpoint to first token on a vLLM server (--url), warmed against cold; 1 to 32 sessions; answers ahead of their thought",
};
/** Not run unless asked for: they need something that is not here. */
const ON_REQUEST = ["vllm"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" }, help: { type: "boolean", short: "h" }, ...VLLM_OPTIONS },
});
const unknown = positionals.filter((name) => !(name in BENCHES));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no benchmark is called ${unknown.join(", ")}`);
  console.log("npm run bench [-- NAME …] [--json FILE]\n");
  for (const [name, what] of Object.entries(BENCHES)) console.log(`  ${name.padEnd(10)} ${what}`);
  console.log(
    "\nvllm: --url URL [--url URL …] [--model M] [--speech 2,10,30] [--history 0,4000,16000] [--sessions 1,2,4,8,16,32]\n      [--ahead 0,8,32,80] [--think 512] [--repeats 5]; an empty list leaves a part out",
  );
  process.exit(unknown.length > 0 ? 1 : 0);
}

const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`;
console.log(`machine: ${machine}`);
const results = { machine, date: new Date().toISOString(), benches: {} };
const all = Object.keys(BENCHES).filter((name) => !ON_REQUEST.includes(name));
for (const name of positionals.length > 0 ? positionals : all) {
  const { run } = await import(`./${name}.mjs`);
  const tables = [await run(values)].flat();
  for (const { title, rows } of tables) if (rows.length > 0) printTable(title, rows);
  results.benches[name] = tables.length === 1 ? tables[0] : tables;
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
