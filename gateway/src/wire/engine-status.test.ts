import type { ServerEventBody } from "@aloud/client/protocol";
import { AloudError } from "@aloud/client/protocol";
import type { Device, Engine, EngineStatus } from "@aloud/engine";
import { openScriptedEngine } from "@aloud/engine/testing";
import { expect, test } from "vitest";
import { watchEngine } from "./engine-status.ts";

const cpu: Device = { id: "cpu", state: "ready", memoryBytes: 5, conversations: 1 };
const gpu: Device = { id: "cuda:0", state: "failed", memoryBytes: 0, conversations: 0, message: "install the provider" };
const ready = (devices: readonly Device[], waiting = 0): EngineStatus => ({ state: "ready", devices, conversations: 1, waiting });

/** An engine whose status is what the test says. */
function watched(first: EngineStatus) {
  let listener = (_: EngineStatus) => {};
  const engine: Engine = {
    ...openScriptedEngine(),
    status: () => first,
    watch: (given) => {
      listener = given;
      return () => {};
    },
  };
  const sent: ServerEventBody[] = [];
  watchEngine(engine, (event) => void sent.push(event));
  return { sent, say: (status: EngineStatus) => listener(status) };
}

test("a client is told of every device: its state, memory, conversations, and what is wrong", () => {
  expect(watched(ready([cpu, gpu])).sent).toMatchObject([
    {
      state: "ready",
      devices: [
        { id: "cpu", state: "ready", memory_bytes: 5, conversations: 1, message: null },
        { id: "cuda:0", state: "failed", memory_bytes: 0, conversations: 0, message: "install the provider" },
      ],
    },
  ]);
});

test("a client is not told where a server is", () => {
  const server: Device = { id: "vllm:0", state: "ready", memoryBytes: 0, conversations: 0, address: "http://gpu.internal:8000" };
  expect(JSON.stringify(watched(ready([server])).sent)).not.toContain("gpu.internal");
});

test("conversations that come and go are no news by themselves, and are told with the next", () => {
  const { sent, say } = watched(ready([cpu]));
  say(ready([{ ...cpu, conversations: 2 }]));
  expect(sent).toHaveLength(1);
  say(ready([{ ...cpu, conversations: 3 }], 1));
  expect(sent[1]).toMatchObject({ state: "busy", queue_position: 1, devices: [{ conversations: 3 }] });
});

test("devices are told while the model loads, and why it failed when all have", () => {
  const { sent, say } = watched({ state: "loading", progress: 0.5, message: "loading", devices: [gpu] });
  say({ state: "failed", error: new AloudError("engine_unavailable", "install the provider") });
  expect(sent).toMatchObject([
    { state: "loading", devices: [{ id: "cuda:0" }] },
    { state: "failed", message: "install the provider" },
  ]);
});
