/**
 * onnxruntime's CUDA provider: whether it is there, how a device asks for it, and what ran where. The npm package brings the CPU provider only; CUDA's
 * libraries (linux/x64, CUDA 12) are fetched by the package's install script, which Aloud's installation leaves out for its size.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { InferenceSession } from "onnxruntime-node";

const LIBRARIES = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

/** The command that installs it, from the repository's root. */
export const INSTALL_CUDA_PROVIDER = "ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js";

export function hasCudaProvider(packageDir = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node")), "..")): boolean {
  const bin = join(packageDir, "bin");
  const builds = existsSync(bin) ? readdirSync(bin).map((napi) => join(bin, napi, process.platform, process.arch)) : [];
  return builds.some((build) => LIBRARIES.every((library) => existsSync(join(build, library))));
}

/** The index of a GPU; undefined for the processor. */
export function cudaIndex(device: string): number | undefined {
  const index = /^cuda:(\d+)$/u.exec(device)?.[1];
  return index === undefined ? undefined : Number(index);
}

/** Nodes that CUDA has no kernel for go to the processor by themselves. */
export function executionProviders(device: string): InferenceSession.ExecutionProviderConfig[] {
  const deviceId = cudaIndex(device);
  return deviceId === undefined ? ["cpu"] : [{ name: "cuda", deviceId }];
}

/** Why a GPU cannot be used, with what to do about it. @param cause what onnxruntime said, once its libraries are there */
export function cudaProblem(device: string, cause?: string): string {
  if (process.platform !== "linux" || process.arch !== "x64")
    return `${device}: onnxruntime runs on CUDA on linux/x64 only, not on ${process.platform}/${process.arch}`;
  if (cause === undefined) return `${device}: onnxruntime's CUDA provider is not installed; install it with: ${INSTALL_CUDA_PROVIDER}`;
  return `${device}: onnxruntime cannot use it (${cause.slice(0, 200)}); it needs an NVIDIA driver, CUDA 12 and cuDNN 9 (nvidia-smi lists the GPUs)`;
}

/** How many operations of a graph ran on which provider, by onnxruntime's name: `CPUExecutionProvider`, `CUDAExecutionProvider`. */
export type Placement = Readonly<Record<string, number>>;

/** @param profile what onnxruntime's profiler wrote: a JSON list of events. Each operation counts once, however often it ran. */
export function placementOf(profile: string): Placement {
  const events: readonly { cat?: string; name?: string; args?: { provider?: string } }[] = JSON.parse(profile);
  const providers = new Map(
    events.flatMap(({ cat, name, args }) => (cat === "Node" && name && args?.provider ? [[name, args.provider]] : [])),
  );
  const counts: Record<string, number> = {};
  for (const provider of providers.values()) counts[provider] = (counts[provider] ?? 0) + 1;
  return counts;
}

/** What to say of a GPU that leaves work to the processor; undefined when it leaves none. */
export function placementNote(placements: readonly Placement[]): string | undefined {
  const count = (of: (provider: string) => boolean) =>
    placements.flatMap(Object.entries).reduce((sum, [provider, operations]) => sum + (of(provider) ? operations : 0), 0);
  const onCpu = count((provider) => provider === "CPUExecutionProvider");
  return onCpu === 0 ? undefined : `${onCpu} of ${count(() => true)} operations run on the processor: CUDA has no kernel for them`;
}
