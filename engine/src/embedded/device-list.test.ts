import { describe, expect, test } from "vitest";
import { type DeviceFacts, deviceIds, needsGpus, parseDevices } from "./device-list.ts";

const TWO_GPUS: DeviceFacts = { gpus: [0, 1], hasCudaProvider: true, isInt8: false };
const ids = (text: string, facts: Partial<DeviceFacts> = {}) => deviceIds(parseDevices(text), { ...TWO_GPUS, ...facts });

describe("the devices that are meant", () => {
  test("are what is written, each once, the processor first", () => {
    expect(ids("cpu")).toEqual(["cpu"]);
    expect(ids("cuda:1, cpu, cuda:0, cuda:1")).toEqual(["cpu", "cuda:0", "cuda:1"]);
  });

  test("are several processes on the processor where that many are asked for", () => {
    expect(ids("cpu*2")).toEqual(["cpu:0", "cpu:1"]);
    expect(ids("cpu,cpu*2")).toEqual(["cpu:0", "cpu:1", "cpu:2"]);
  });

  test("cuda is every GPU, and the first where none is seen, which then says what is missing", () => {
    expect(ids("cuda")).toEqual(["cuda:0", "cuda:1"]);
    expect(ids("cuda,cpu", { gpus: [] })).toEqual(["cpu", "cuda:0"]);
  });

  test("auto takes GPUs only where they can be used and help the model", () => {
    expect(ids("auto")).toEqual(["cuda:0", "cuda:1"]);
    for (const facts of [{ gpus: [] }, { hasCudaProvider: false }, { isInt8: true }]) expect(ids("auto", facts)).toEqual(["cpu"]);
    expect(ids("auto,cpu", { gpus: [] })).toEqual(["cpu"]);
  });

  test("ask for GPUs to be looked at only when it depends on them", () => {
    expect(["cpu", "cuda:0", "cuda", "auto"].map((text) => needsGpus(parseDevices(text)))).toEqual([false, false, true, true]);
  });

  test.each(["", "gpu", "cpu*0", "cpu*65", "cuda:", "cuda:-1", "cpu:1", "cpu,,cuda:0"])("are not %j", (text) => {
    expect(() => parseDevices(text)).toThrow(expect.objectContaining({ code: "invalid_value" }));
  });

  test("are at most 64 in all", () => {
    expect(() => ids("cpu*64,cuda:0")).toThrow(expect.objectContaining({ code: "invalid_value" }));
  });
});
