/** `aloud.engine.status`: where the model stands, for a client that shows it. */
import type { AloudServerEvent } from "@aloud/client/protocol";
import type { Device, Engine, EngineStatus } from "@aloud/engine";
import type { Send } from "./outlet.ts";

type EngineStatusEvent = Extract<AloudServerEvent, { type: "aloud.engine.status" }>;

/** Sends the status now and whenever it is another one, until the returned function is called. */
export function watchEngine(engine: Engine, send: Send): () => void {
  let last = "";
  const report = (status: EngineStatus) => {
    const event = engineStatusEvent(engine.info.model, status);
    // How many conversations there are is told along with other news only: else every session would hear of each that comes and goes.
    const key = JSON.stringify({ ...event, devices: event.devices.map((device) => ({ ...device, conversations: 0 })) });
    if (key === last) return;
    last = key;
    send(event);
  };
  report(engine.status());
  return engine.watch(report);
}

function engineStatusEvent(model: string, status: EngineStatus): EngineStatusEvent {
  const base = { type: "aloud.engine.status", model, devices: [], queue_position: 0 } as const;
  switch (status.state) {
    case "loading":
      return {
        ...base,
        state: "loading",
        progress: status.progress,
        devices: (status.devices ?? []).map(deviceStatus),
        message: status.message,
      };
    case "ready": {
      const state = status.waiting > 0 || status.full !== undefined ? "busy" : "ready";
      return { ...base, state, progress: 1, devices: status.devices.map(deviceStatus), queue_position: status.waiting, message: null };
    }
    case "failed":
      return { ...base, state: "failed", progress: 0, message: status.error.message };
    case "closed":
      return { ...base, state: "failed", progress: 0, message: "the engine is closed" };
  }
}

function deviceStatus({ id, state, memoryBytes, conversations, message }: Device): EngineStatusEvent["devices"][number] {
  return { id, state, memory_bytes: memoryBytes, conversations, message: message ?? null };
}
