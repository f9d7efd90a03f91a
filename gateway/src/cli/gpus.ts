/** Asks `nvidia-smi`. The only place that looks at GPUs; what its answer means is decided by pure functions. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { SeenGpu } from "../plan/cards.ts";

const TIMEOUT_MS = 5_000;

export type SeenGpus =
  | { readonly found: true; readonly gpus: readonly SeenGpu[]; readonly driver: string }
  | { readonly found: false; readonly why: string };

export async function seeGpus(timeoutMs = TIMEOUT_MS): Promise<SeenGpus> {
  try {
    const query = ["--query-gpu=index,name,memory.total,memory.used,compute_cap,driver_version", "--format=csv,noheader,nounits"];
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: timeoutMs });
    return parseSmi(stdout);
  } catch (error) {
    return { found: false, why: smiError(error, timeoutMs) };
  }
}

/** @returns what the rows say; rows of another shape are left out */
export function parseSmi(stdout: string): SeenGpus {
  const rows = stdout.split("\n").map((line) => line.split(",").map((cell) => cell.trim()));
  const gpus = rows.flatMap(([index, name = "", memory, used, capability]) => {
    const totalMib = Number(memory);
    if (name === "" || !Number.isFinite(totalMib)) return [];
    return { index: Number(index), name, totalMib, usedMib: Number(used) || 0, capability: Number(capability) || 0 };
  });
  if (gpus.length === 0) return { found: false, why: "nvidia-smi lists none" };
  return { found: true, gpus, driver: rows[0]?.[5] ?? "" };
}

function smiError(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return "nvidia-smi failed";
  if ("code" in error && error.code === "ENOENT") return "nvidia-smi is not installed";
  if ("killed" in error && error.killed) return `nvidia-smi did not answer within ${timeoutMs / 1_000} s`;
  const said = "stdout" in error ? String(error.stdout).trim().split("\n")[0] : "";
  return said ? `nvidia-smi says: ${said.slice(0, 160)}` : "nvidia-smi failed";
}
