/** Which devices the embedded engine gets on this machine: what was asked for, and what is there. */
import type { Engine } from "@aloud/engine";
import { type DeviceWish, deviceIds, hasCudaProvider, isInt8Model, NANO_DIR, needsGpus } from "@aloud/engine/embedded";
import type { Logger } from "pino";
import { type SeenGpus, seeGpus } from "./gpus.ts";

/** Looks at the GPUs only where the answer depends on them. @throws AloudError `invalid_value` when they are too many */
export async function seeDevices(
  wishes: readonly DeviceWish[],
  modelDir = NANO_DIR,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<readonly string[]> {
  const seen: SeenGpus = needsGpus(wishes) ? await seeGpus() : { found: false, why: "not asked" };
  const gpus = visibleGpus(seen, environment.CUDA_VISIBLE_DEVICES);
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

/**
 * Tells the log of every device that has failed or is gone, leaves work to the processor, or takes no more; once, until it is well again. Until the
 * returned function is called.
 */
export function logDevices(engine: Pick<Engine, "status" | "watch">, logger: Pick<Logger, "warn">): () => void {
  const told = new Map<string, string | undefined>();
  const look = () => {
    const status = engine.status();
    if (status.state !== "ready" && status.state !== "loading") return;
    for (const { id, address, state, message } of status.devices ?? []) {
      // While it loads its message is another one all the time.
      const news = state === "loading" ? "gone" : message;
      // One that has not been ready yet is only on its way.
      if (told.has(id) ? told.get(id) === news : state === "loading") continue;
      told.set(id, news);
      if (news !== undefined)
        logger.warn({ device: id, ...(address !== undefined && { address }), state, reason: message }, "device of the engine");
    }
  };
  const unwatch = engine.watch(look);
  look();
  return unwatch;
}
