/** What probed facts mean for serving a large model here. Pure: every rule with its number, every finding with its one-line fix. */
import type { Device } from "@aloud/engine";
import { groupSeen } from "../../plan/cards.ts";
import { choose, fit, fitAll, type Placement } from "../../plan/fit.ts";
import { GIB, UTILISATION } from "../../plan/memory.ts";
import type { Model, ServerKind } from "../../plan/models.ts";
import { SERVER_PORT } from "../../plan/server-command.ts";
import type { SeenGpus } from "../gpus.ts";

export interface Finding {
  readonly check: string;
  /** `bad` keeps Aloud from running; `note` does not. */
  readonly verdict: "ok" | "note" | "bad";
  readonly found: string;
  /** What to do; empty when there is nothing to do. */
  readonly advice: string;
}

export type ContainerRuntime =
  | { readonly state: "absent" }
  /** Installed, and its daemon does not answer; `why` is the first line of what it said. */
  | { readonly state: "silent"; readonly why: string }
  | { readonly state: "ready"; readonly version: string; readonly nvidia: boolean };

export interface GpuFacts {
  readonly seen: SeenGpus;
  /** Size of /dev/shm; undefined where there is none. */
  readonly sharedMemoryBytes: number | undefined;
  readonly container: ContainerRuntime;
  readonly serverPortTaken: boolean;
  /** Where weights are kept, and what is free there. */
  readonly weightsDir: string;
  readonly weightsFreeBytes: number | undefined;
  /** Repositories that lie there already, as `org/name`. */
  readonly downloaded: readonly string[];
}

/** StepFun's image is CUDA 12.8 and refused by drivers of CUDA 12.4; vLLM's since 0.20 is CUDA 13. */
const MIN_DRIVER: Readonly<Record<ServerKind, number>> = { stepfun: 570, vllm: 580 };
/** Messages between the processes of one server lie in shared memory. Docker's own 64 MiB are too few for two GPUs. */
const SHARED_GIB_PER_GPU = 1;
/** Beside the weights: caches of compiled kernels, and a download's temporary file. */
const DISK_SPARE = 1.05;

/** @returns nothing where no GPU is and no model was asked for: nano needs none of it */
export function gpuFindings(facts: GpuFacts, wanted: Model | undefined): readonly Finding[] {
  const { seen } = facts;
  if (!seen.found) {
    const gpu = ok("GPU", `none found (${seen.why}); nano runs on the processor`);
    return wanted === undefined ? [gpu] : [{ ...gpu, verdict: "note", advice: driverAdvice(seen.why) }, ...containerFindings(facts)];
  }
  const groups = groupSeen(seen.gpus);
  const own = wanted === undefined ? undefined : fit(wanted, groups);
  const placement = own === undefined ? choose(fitAll(groups)) : own.fits ? own.placement : undefined;
  return [
    gpuFinding(seen),
    driverFinding(seen.driver, placement),
    modelFinding(placement, own !== undefined && !own.fits ? `${own.model.name}: ${own.why}` : "no large model fits here"),
    sharedMemoryFinding(facts.sharedMemoryBytes, placement?.degree ?? 1),
    ...containerFindings(facts),
    facts.serverPortTaken
      ? note(
          "vLLM port",
          `${SERVER_PORT} is taken (perhaps vLLM runs already)`,
          "publish it on another (-p 127.0.0.1:8100:8000), and give that to --url",
        )
      : ok("vLLM port", `${SERVER_PORT} is free`),
    ...(placement === undefined ? [] : [diskFinding(facts, placement)]),
  ];
}

/** What became of each device that the embedded engine was asked to run on. @returns nothing where there is one and nothing to say of it */
export function deviceFindings(devices: readonly Device[]): readonly Finding[] {
  if (devices.length === 1 && devices.every(({ state, message }) => state === "ready" && message === undefined)) return [];
  return devices.map(({ id, state, memoryBytes, message }) => {
    const found = [`${id} is ${state}`, ...(state === "ready" ? [`${Math.round(memoryBytes / 2 ** 20)} MiB`] : []), message ?? []].flat();
    return state === "ready"
      ? ok("device", found.join(", "))
      : note("device", found.join(", "), "mend it, or leave it out of --device and ALOUD_DEVICES");
  });
}

/** Whether GPUs are of use to the embedded engine. @returns nothing where no GPU is */
export function embeddedGpuFindings(seen: SeenGpus, hasCudaProvider: boolean): readonly Finding[] {
  if (!seen.found) return [];
  const provider = hasCudaProvider ? "onnxruntime's CUDA provider is installed" : "onnxruntime's CUDA provider is not installed";
  return [ok("nano's device", `the processor; a GPU would not help: CUDA has no kernel for nano's int8 products (${provider})`)];
}

function gpuFinding({ gpus }: Extract<SeenGpus, { found: true }>): Finding {
  const names = groupSeen(gpus).map(({ name, count, usableGib }) => `${count} × ${name}, ${usableGib.toFixed(1)} GiB usable each`);
  const busy = gpus.find(({ totalMib, usedMib }) => usedMib > (1 - UTILISATION) * totalMib);
  const found = names.join("; ") || gpus.map(({ name }) => name).join("; ");
  if (busy === undefined) return ok("GPU", found);
  const used = (busy.usedMib / 1_024).toFixed(1);
  return note(
    "GPU",
    `${found}; card ${busy.index} has ${used} GiB in use`,
    "end what uses it (nvidia-smi lists it), else vLLM refuses to start",
  );
}

function driverFinding(driver: string, placement: Placement | undefined): Finding {
  const needed = MIN_DRIVER[placement?.model.server ?? "vllm"];
  const major = Number(driver.split(".")[0]);
  if (!(major > 0)) return note("driver", "nvidia-smi tells no version", "install NVIDIA's driver again, then restart");
  if (major >= needed) return ok("driver", driver);
  return note(
    "driver",
    `${driver} is older than ${needed}, which the server's image needs`,
    `install driver ${needed} or newer, then restart`,
  );
}

function driverAdvice(why: string): string {
  return why.includes("not installed")
    ? "with an NVIDIA card: install its driver; without one: aloud plan --gpu … for another machine"
    : "restart; if it stays, install NVIDIA's driver again (its kernel module and nvidia-smi must be of one version)";
}

function modelFinding(placement: Placement | undefined, why: string): Finding {
  if (placement === undefined) return note("large model", why, "aloud plan shows what fits, and on which machine more would");
  const { model, build, sessions } = placement;
  return ok("large model", `${model.name} fits in ${build.precision}, ${sessions} conversations at a time (aloud plan has the command)`);
}

function sharedMemoryFinding(bytes: number | undefined, gpus: number): Finding {
  const needed = SHARED_GIB_PER_GPU * gpus;
  if (bytes === undefined) return note("shared memory", "there is no /dev/shm", "start the container with --ipc=host or --shm-size=8g");
  const found = `${(bytes / GIB).toFixed(1)} GiB in /dev/shm`;
  if (bytes >= needed * GIB) return ok("shared memory", found);
  return note(
    "shared memory",
    `${found}; ${gpus} GPU${gpus === 1 ? " wants" : "s want"} ${needed} GiB`,
    "in a container: --ipc=host or --shm-size=8g; else: sudo mount -o remount,size=8G /dev/shm",
  );
}

function containerFindings({ container }: GpuFacts): readonly Finding[] {
  switch (container.state) {
    case "absent":
      return [note("container", "docker is not installed", "install Docker Engine (docs.docker.com/engine/install)")];
    case "silent": {
      const rights = /permission denied/i.test(container.why);
      const advice = rights ? 'sudo usermod -aG docker "$USER", then log in again' : "sudo systemctl start docker";
      return [note("container", `docker does not answer: ${container.why}`, advice)];
    }
    case "ready":
      return [
        ok("container", `docker ${container.version}`),
        container.nvidia
          ? ok("GPU in it", "NVIDIA's container toolkit is set up")
          : note(
              "GPU in it",
              "containers see no GPU: NVIDIA's container toolkit is missing",
              "install nvidia-container-toolkit; sudo nvidia-ctk runtime configure --runtime=docker; sudo systemctl restart docker",
            ),
      ];
  }
}

function diskFinding({ weightsDir, weightsFreeBytes, downloaded }: GpuFacts, { model, build, diskBytes }: Placement): Finding {
  if (downloaded.includes(build.repository)) return ok("disk", `${build.repository} lies in ${weightsDir}, whole or in part`);
  const needed = diskBytes * DISK_SPARE;
  if (weightsFreeBytes === undefined) return note("disk", `free space of ${weightsDir} is unknown`, `have ${gb(needed)} GB free there`);
  const found = `${gb(weightsFreeBytes)} GB free in ${weightsDir}; ${model.name} takes ${gb(needed)} GB`;
  return weightsFreeBytes >= needed ? ok("disk", found) : note("disk", found, "free some, or set HF_HOME to a larger disk");
}

function gb(bytes: number): number {
  return Math.ceil(bytes / 1e9);
}

function ok(check: string, found: string): Finding {
  return { check, verdict: "ok", found, advice: "" };
}

function note(check: string, found: string, advice: string): Finding {
  return { check, verdict: "note", found, advice };
}
