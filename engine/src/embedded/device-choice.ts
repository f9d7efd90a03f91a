/** What several devices come to: the engine's status, and where a new conversation goes. Pure. */
import { AloudError } from "@aloud/client/protocol";
import type { Device, EngineStatus } from "../engine.ts";
import type { DeviceState } from "./device.ts";

export interface DeviceView {
  readonly id: string;
  readonly state: DeviceState;
  readonly conversations: number;
  readonly losses: number;
}

/** The ready device with the fewest conversations; among equals the one with the least waiting work, then the first. */
export function leastLoaded<D extends DeviceView>(devices: readonly D[]): D | undefined {
  const load = ({ state }: D) => (state.state === "ready" ? state.waiting : 0);
  return devices
    .filter(({ state }) => state.state === "ready")
    .reduce<D | undefined>((best, device) => {
      if (best === undefined) return device;
      const difference = device.conversations - best.conversations || load(device) - load(best);
      return difference < 0 ? device : best;
    }, undefined);
}

/** `ready` as soon as one device is, `failed` only when all have; else it loads, as far as the device that is farthest. */
export function engineStatus(devices: readonly DeviceView[]): EngineStatus {
  const ready = devices.flatMap(({ state }) => (state.state === "ready" ? state : []));
  if (ready.length > 0)
    return {
      state: "ready",
      devices: devices.map(toDevice),
      conversations: devices.reduce((sum, { conversations }) => sum + conversations, 0),
      waiting: Math.max(...ready.map(({ waiting }) => waiting)),
    };
  const loading = devices.flatMap(({ state }) => (state.state === "loading" ? state : []));
  const farthest = loading.reduce((best, state) => (state.progress > best.progress ? state : best), loading[0] ?? NOTHING);
  if (loading.length > 0) return { ...farthest, devices: devices.map(toDevice) };
  return { state: "failed", error: failure(devices), devices: devices.map(toDevice) };
}

const NOTHING = { state: "loading", progress: 0, message: "starting" } as const;

function toDevice({ id, state, conversations, losses }: DeviceView): Device {
  const base = { id, memoryBytes: 0, conversations, losses };
  switch (state.state) {
    case "loading":
      return { ...base, state: "loading", message: state.message };
    case "ready":
      return { ...base, state: "ready", memoryBytes: state.memoryBytes, ...(state.note !== undefined && { message: state.note }) };
    case "failed":
      return { ...base, state: "failed", message: state.error.message };
    case "closed":
      return { ...base, state: "failed", message: "closed" };
  }
}

/** One error for all: the first one's code; the messages, each once. */
function failure(devices: readonly DeviceView[]): AloudError {
  const errors = devices.flatMap(({ state }) => (state.state === "failed" ? state.error : []));
  const [first = new AloudError("engine_unavailable", "no device to run on"), ...others] = errors;
  const messages = new Set(errors.map(({ message }) => message));
  return others.length === 0 || messages.size === 1 ? first : new AloudError(first.code, [...messages].join("; "));
}
