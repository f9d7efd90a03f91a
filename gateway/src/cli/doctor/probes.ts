/** Looks at the machine for `findings.ts`: each probe is bounded in time, and answers "unknown" rather than failing. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { SERVER_PORT } from "../../plan/server-command.ts";
import { seeGpus } from "../gpus.ts";
import type { ContainerRuntime, GpuFacts } from "./findings.ts";

const TIMEOUT_MS = 5_000;
const run = promisify(execFile);

export async function probeGpuFacts(environment: NodeJS.ProcessEnv = process.env): Promise<GpuFacts> {
  const weightsDir = environment.HF_HOME ?? join(homedir(), ".cache", "huggingface");
  const [seen, sharedMemoryBytes, container, serverPortTaken, weightsFreeBytes] = await Promise.all([
    seeGpus(TIMEOUT_MS),
    sizeOf("/dev/shm"),
    probeContainer(),
    isPortTaken(SERVER_PORT, "127.0.0.1"),
    freeBytes(weightsDir),
  ]);
  return { seen, sharedMemoryBytes, container, serverPortTaken, weightsDir, weightsFreeBytes, downloaded: downloadedIn(weightsDir) };
}

export async function isPortTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen(port, host, () => server.close(() => resolve(false)));
  });
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const { blocks, bsize } = await statfs(path);
    return blocks * bsize;
  } catch {
    return undefined;
  }
}

/** Of the nearest directory that exists. */
async function freeBytes(path: string): Promise<number | undefined> {
  let nearest = path;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  try {
    const { bavail, bsize } = await statfs(nearest);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Hugging Face keeps `org/name` in `hub/models--org--name`. */
function downloadedIn(weightsDir: string): readonly string[] {
  try {
    const names = readdirSync(join(weightsDir, "hub")).filter((name) => name.startsWith("models--"));
    return names.map((name) => name.slice("models--".length).replace("--", "/"));
  } catch {
    return [];
  }
}

async function probeContainer(): Promise<ContainerRuntime> {
  try {
    const { stdout } = await run("docker", ["info", "--format", "{{.ServerVersion}} {{json .Runtimes}}"], { timeout: TIMEOUT_MS });
    const [version = "", ...runtimes] = stdout.trim().split(" ");
    return { state: "ready", version, nvidia: runtimes.join(" ").includes('"nvidia"') || (await answers("nvidia-ctk", ["--version"])) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { state: "absent" };
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n")[0] : undefined;
    return { state: "silent", why: said?.slice(0, 120) || `no answer within ${TIMEOUT_MS / 1_000} s` };
  }
}

async function answers(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { timeout: TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}
