/** `aloud.engine.status`: where the model stands, for a client that shows it. */
import type { AloudServerEvent } from "@aloud/client/protocol";
import type { EngineStatus } from "@aloud/engine";

type EngineStatusEvent = Extract<AloudServerEvent, { type: "aloud.engine.status" }>;

export function engineStatusEvent(model: string, status: EngineStatus): EngineStatusEvent {
  const base = { type: "aloud.engine.status", model, devices: [], queue_position: 0 } as const;
  switch (status.state) {
    case "loading":
      return { ...base, state: "loading", progress: status.progress, message: status.message };
    case "ready": {
      const devices = status.devices.map(({ id, memoryBytes }) => ({ id, memory_bytes: memoryBytes }));
      const state = status.waiting > 0 ? "busy" : "ready";
      return { ...base, state, progress: 1, devices, queue_position: status.waiting, message: null };
    }
    case "failed":
      return { ...base, state: "failed", progress: 0, message: status.error.message };
    case "closed":
      return { ...base, state: "failed", progress: 0, message: "the engine is closed" };
  }
}
