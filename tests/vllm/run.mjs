/**
 * `npm run test:vllm`: the vLLM engine against a real, unmodified vLLM. The first time it installs one for CPUs (about 4 minutes, 2.7 GB, kept in
 * .venv) and makes a tiny random audio model; nothing else is downloaded. Needs Python 3.11 or later.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { prepare, root, run } from "../../deploy/local/prepare.mjs";

const READY_WITHIN_MS = 600_000;
/** Not in node_modules, which `npm ci` removes. */
const cache = join(root, ".venv");
const venv = process.env.ALOUD_VLLM_VENV ?? join(cache, "vllm");
const model = join(cache, "tiny-audio");
const log = join(cache, "vllm.log");
const here = join(root, "tests", "vllm");

prepare();
mkdirSync(cache, { recursive: true });
console.log("aloud: installing vLLM for CPUs, if it is not there …");
run("bash", [join(here, "install.sh"), venv]);
if (!existsSync(join(model, "model.safetensors"))) run(join(venv, "bin", "python"), [join(here, "make_tiny_model.py"), model]);
run(join(venv, "bin", "python"), [
  join(here, "check_template.py"),
  join(root, "engine", "src", "vllm", "templates", "step-audio-r1.jinja"),
]);

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
console.log(`aloud: starting vLLM on ${url} (log: ${log}) …`);
const output = openSync(log, "w");
// A group of its own, so that its three processes end together.
const server = spawn(join(here, "serve.sh"), [venv, model, String(port)], { stdio: ["ignore", output, output], detached: true });
const stop = () => {
  try {
    process.kill(-(server.pid ?? 0), "SIGTERM");
  } catch {}
};
process.on("exit", stop);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const startedAt = performance.now();
while (!(await isReady())) {
  if (server.exitCode !== null || performance.now() - startedAt > READY_WITHIN_MS) {
    console.error(`aloud: vLLM did not start; its log is ${log}`);
    process.exit(1);
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
console.log(`aloud: vLLM is ready after ${Math.round((performance.now() - startedAt) / 1_000)} s`);
const args = ["vitest", "run", "--config", "tests/vitest.config.ts", "--testTimeout", "120000", "tests/vllm/real.test.ts"];
const tests = spawnSync("npx", args, { cwd: root, stdio: "inherit", env: { ...process.env, ALOUD_TEST_VLLM_URL: url } });
process.exit(tests.status ?? 1);

async function isReady() {
  try {
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
