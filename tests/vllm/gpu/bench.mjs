/** `npm run bench -- vllm` alone, to be bundled into one file for a machine that has nothing of this repository. Same options. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { printTable } from "../../bench/table.mjs";
import { run, VLLM_OPTIONS } from "../../bench/vllm.mjs";

const { values } = parseArgs({ options: { json: { type: "string" }, ...VLLM_OPTIONS } });
const tables = await run(values);
for (const { title, rows } of tables) if (rows.length > 0) printTable(title, rows);
if (values.json) writeFileSync(values.json, `${JSON.stringify(tables, null, 2)}\n`);
