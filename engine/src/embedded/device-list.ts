/** Which devices are meant: `cpu,cuda:0` as a person writes it, and what that comes to on this machine. Pure. */
import { AloudError } from "@aloud/client/protocol";

/** `cpu`: that many processes on the processor. `cuda` without an index: every GPU. `auto`: see `deviceIds`. */
export type DeviceWish =
  | { readonly kind: "auto" }
  | { readonly kind: "cpu"; readonly processes: number }
  | { readonly kind: "cuda"; readonly index: number | undefined };

export interface DeviceFacts {
  /** Indices of the GPUs that a process sees, as CUDA counts them. */
  readonly gpus: readonly number[];
  /** Whether onnxruntime's CUDA provider is installed. */
  readonly hasCudaProvider: boolean;
  /** Whether the model's graphs are of int8, which CUDA does not speed up. */
  readonly isInt8: boolean;
}

/** Each takes a copy of the model; more than a machine has cores or GPUs is never meant. */
export const MAX_DEVICES = 64;

/** @throws AloudError `invalid_value` saying which part is wrong */
export function parseDevices(text: string): readonly DeviceWish[] {
  return text.split(",").map((part) => parseDevice(part.trim()));
}

function parseDevice(part: string): DeviceWish {
  if (part === "auto") return { kind: "auto" };
  const cpu = /^cpu(?:\*(\d{1,3}))?$/u.exec(part);
  const processes = Number(cpu?.[1] ?? 1);
  if (cpu !== null && processes >= 1 && processes <= MAX_DEVICES) return { kind: "cpu", processes };
  const cuda = /^cuda(?::(\d{1,2}))?$/u.exec(part);
  if (cuda !== null) return { kind: "cuda", index: cuda[1] === undefined ? undefined : Number(cuda[1]) };
  throw new AloudError("invalid_value", `expected cpu, cpu*2, cuda, cuda:0 or auto, got "${part.slice(0, 32)}"`);
}

/** Whether `deviceIds` looks at the GPUs at all. */
export function needsGpus(wishes: readonly DeviceWish[]): boolean {
  return wishes.some((wish) => wish.kind === "auto" || (wish.kind === "cuda" && wish.index === undefined));
}

/**
 * The ids of the devices, each once: `cpu` (or `cpu:0`, `cpu:1`, … when several), then `cuda:0`, …. `auto` is every GPU where a GPU can be used and
 * helps the model, else one process on the processor. `cuda` where no GPU is seen is `cuda:0`, which then says what is missing.
 * @throws AloudError `invalid_value` beyond `MAX_DEVICES`
 */
export function deviceIds(wishes: readonly DeviceWish[], { gpus, hasCudaProvider, isInt8 }: DeviceFacts): readonly string[] {
  const gpusHelp = hasCudaProvider && !isInt8 && gpus.length > 0;
  const everyGpu = gpus.length > 0 ? gpus : [0];
  const cuda = new Set(
    wishes.flatMap((wish) => {
      if (wish.kind === "cuda") return wish.index === undefined ? everyGpu : [wish.index];
      return wish.kind === "auto" && gpusHelp ? gpus : [];
    }),
  );
  const asked = wishes.reduce((sum, wish) => sum + (wish.kind === "cpu" ? wish.processes : 0), 0);
  const processes = Math.max(asked, wishes.some(({ kind }) => kind === "auto") && !gpusHelp ? 1 : 0);
  if (processes + cuda.size > MAX_DEVICES)
    throw new AloudError("invalid_value", `at most ${MAX_DEVICES} devices, got ${processes + cuda.size}`);
  const cpus = processes === 1 ? ["cpu"] : Array.from({ length: processes }, (_, n) => `cpu:${n}`);
  return [...cpus, ...[...cuda].sort((a, b) => a - b).map((index) => `cuda:${index}`)];
}
