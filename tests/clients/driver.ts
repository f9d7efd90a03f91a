/** Runs the program of a client: with its own packages, trusting the test CA. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const here = fileURLToPath(new URL(".", import.meta.url));
const python = join(here, ".venv", "bin", "python");
/** A program that hangs is ended after so long. */
const PATIENCE_MS = 150_000;

export type Saw = Readonly<Record<string, unknown>>;

export interface Told {
  readonly url: string;
  readonly key: string;
  readonly scenes: readonly string[];
  /** Files with PCM16 at 24 kHz. */
  readonly sounds: Readonly<Record<string, string>>;
  readonly [more: string]: unknown;
}

/** Runs `*.mjs` or `*.py` to its end. @returns every line that it printed, of either stream */
export async function runClient(
  path: string,
  args: readonly string[],
  caFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  // Node 20 has the WebSocket of browsers behind this flag.
  const [program, flags] = path.endsWith(".py") ? [python, []] : [process.execPath, ["--experimental-websocket", "--no-warnings"]];
  const child = spawn(program, [...flags, path, ...args], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile, PYTHONDONTWRITEBYTECODE: "1", PYTHONUNBUFFERED: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (line) => lines.push(line));
  await ended;
  return lines;
}

/** Has a driver play its scenes. @returns what its client saw in each; `failed` where it saw nothing */
export async function playScenes(program: readonly string[], told: Told, directory: string, caFile: string): Promise<Map<string, Saw>> {
  const [path = "", ...args] = program;
  const file = join(directory, "told.json");
  writeFileSync(file, JSON.stringify(told));
  const lines = await runClient(join(here, "drivers", path), args, caFile, { ALOUD_CLIENT: file });
  const saw = new Map<string, Saw>();
  for (const line of lines.filter((each) => each.startsWith("@@ "))) {
    const { scene, saw: what } = JSON.parse(line.slice(3)) as { readonly scene: string; readonly saw: Saw };
    saw.set(scene, what);
  }
  const rest = lines.filter((line) => !line.startsWith("@@ ")).slice(-40);
  for (const scene of told.scenes) if (!saw.has(scene)) saw.set(scene, { failed: `the client ended before:\n${rest.join("\n")}` });
  return saw;
}
