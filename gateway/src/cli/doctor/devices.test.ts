import type { Device, EngineStatus } from "@aloud/engine";
import { expect, test } from "vitest";
import { logDevices, visibleGpus } from "../devices.ts";
import { parseSmi } from "../gpus.ts";
import { deviceFindings, embeddedGpuFindings } from "./findings.ts";

const SMI = "0, NVIDIA L40S, 46068, 4, 8.9, 580.95.05\n1, NVIDIA L40S, 46068, 4, 8.9, 580.95.05\n";
const ready: Device = { id: "cpu", state: "ready", memoryBytes: 2 ** 28, conversations: 0 };

test("one device in order is no finding of its own", () => {
  expect(deviceFindings([ready])).toEqual([]);
});

test("a device that cannot be used is a note with what is wrong, beside those that serve", () => {
  const failed: Device = { id: "cuda:0", state: "failed", memoryBytes: 0, conversations: 0, message: "install the provider" };
  expect(deviceFindings([ready, failed])).toMatchObject([
    { verdict: "ok", found: "cpu is ready, 256 MiB" },
    { verdict: "note", found: "cuda:0 is failed, install the provider", advice: expect.stringContaining("ALOUD_DEVICES") },
  ]);
});

test("a GPU that leaves work to the processor is said so, also when it is the only device", () => {
  expect(deviceFindings([{ ...ready, id: "cuda:0", message: "50 of 300 operations run on the processor" }])).toMatchObject([
    { found: expect.stringContaining("50 of 300") },
  ]);
});

test("a machine with GPUs is told that nano does not gain by them", () => {
  expect(embeddedGpuFindings(parseSmi(SMI), false)).toMatchObject([{ verdict: "ok", found: expect.stringContaining("would not help") }]);
  expect(embeddedGpuFindings(parseSmi(""), false)).toEqual([]);
});

test("GPUs are counted as a process sees them", () => {
  const seen = parseSmi(SMI);
  expect(visibleGpus(seen, undefined)).toEqual([0, 1]);
  expect(visibleGpus(seen, "1")).toEqual([0]);
  expect([visibleGpus(seen, ""), visibleGpus(seen, "-1"), visibleGpus(parseSmi(""), undefined)]).toEqual([[], [], []]);
});

test("the log is told of a device that fails, once, and of nothing else", () => {
  let status: EngineStatus = { state: "loading", progress: 0, message: "starting" };
  let look = () => {};
  const warned: unknown[] = [];
  const watch = (listener: (status: EngineStatus) => void) => {
    look = () => listener(status);
    return () => {};
  };
  logDevices({ status: () => status, watch }, { warn: (fields: unknown) => void warned.push(fields) });
  const failed: Device = { id: "cuda:0", state: "failed", memoryBytes: 0, conversations: 0, message: "install the provider" };
  for (const conversations of [0, 1]) {
    status = { state: "ready", devices: [{ ...ready, conversations }, failed], conversations, waiting: 0 };
    look();
  }
  expect(warned).toEqual([{ device: "cuda:0", state: "failed", reason: "install the provider" }]);
});

test("the log is told of a device that was ready and is gone, once each time", () => {
  let device: Device = {
    id: "vllm:0",
    state: "loading",
    memoryBytes: 0,
    conversations: 0,
    address: "http://gpu:8000",
    message: "waiting for the server",
  };
  let look = () => {};
  const warned: unknown[] = [];
  const watch = (listener: (status: EngineStatus) => void) => {
    look = () => listener(status());
    return () => {};
  };
  const status = (): EngineStatus => ({ state: "ready", devices: [device], conversations: 0, waiting: 0 });
  logDevices(
    { status, watch },
    { warn: ({ reason, address }: { reason: string; address: string }) => void warned.push([reason, address]) },
  );
  const well: Device = { id: "vllm:0", state: "ready", memoryBytes: 0, conversations: 0 };
  for (const next of [
    well,
    { ...device, message: "gone" },
    { ...device, message: "still gone" },
    well,
    { ...device, message: "gone again" },
  ]) {
    device = next;
    look();
  }
  expect(warned).toEqual([
    ["gone", "http://gpu:8000"],
    ["gone again", "http://gpu:8000"],
  ]);
});
