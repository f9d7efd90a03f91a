/** Which devices the embedded engine gets on this machine: what was asked for, and what is there. */
import { type DeviceWish, deviceIds, hasCudaProvider, isInt8Model, NANO_DIR, needsGpus } from "@aloud/engine/embedded";
import { type SeenGpus, seeGpus } from "./gpus.ts";

/** Looks at the GPUs only where the answer depends on them. @throws AloudError `invalid_value` when they are too many */
export async function seeDevices(wishes: readonly DeviceWish[], modelDir = NANO_DIR): Promise<readonly string[]> {
  const seen: SeenGpus = needsGpus(wishes) ? await seeGpus() : { found: false, why: "not asked" };
  const gpus = visibleGpus(seen, process.env.CUDA_VISIBLE_DEVICES);
  return deviceIds(wishes, { gpus, hasCudaProvider: hasCudaProvider(), isInt8: isInt8Model(modelDir) });
}

/**
 * GPUs as a process counts them. nvidia-smi lists all of a machine; `CUDA_VISIBLE_DEVICES` leaves a process some of them, numbered anew from 0.
 * @param visible that variable; undefined where it is not set
 */
export function visibleGpus(seen: SeenGpus, visible: string | undefined): readonly number[] {
  if (!seen.found) return [];
  const count = visible === undefined ? seen.gpus.length : countVisible(visible);
  return Array.from({ length: Math.min(count, seen.gpus.length) }, (_, index) => index);
}

/** CUDA takes what stands before the first entry that is no GPU, such as -1. */
function countVisible(visible: string): number {
  const entries = visible.split(",").map((entry) => entry.trim());
  const end = entries.findIndex((entry) => entry === "" || entry.startsWith("-"));
  return end < 0 ? entries.length : end;
}
