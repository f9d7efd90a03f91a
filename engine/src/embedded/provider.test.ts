import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { executionProviders, hasCudaProvider, placementNote, placementOf } from "./provider.ts";

test("the CUDA provider is there when both of its libraries lie beside onnxruntime's binding", () => {
  const dir = mkdtempSync(join(tmpdir(), "aloud-provider-"));
  const build = join(dir, "bin", "napi-v6", process.platform, process.arch);
  expect(hasCudaProvider(dir)).toBe(false);
  mkdirSync(build, { recursive: true });
  writeFileSync(join(build, "libonnxruntime_providers_shared.so"), "");
  expect(hasCudaProvider(dir)).toBe(false);
  writeFileSync(join(build, "libonnxruntime_providers_cuda.so"), "");
  expect(hasCudaProvider(dir)).toBe(true);
  rmSync(dir, { recursive: true });
});

test("a GPU is asked for by its index, the processor by its name", () => {
  expect(executionProviders("cuda:3")).toEqual([{ name: "cuda", deviceId: 3 }]);
  expect(executionProviders("cpu:1")).toEqual(["cpu"]);
});

test("what ran where counts every operation once", () => {
  const ran = (name: string, provider: string) => ({ cat: "Node", name, args: { provider } });
  const profile = JSON.stringify([
    { cat: "Session", name: "model_run" },
    ran("product", "CPUExecutionProvider"),
    ran("product", "CPUExecutionProvider"),
    ran("norm", "CUDAExecutionProvider"),
  ]);
  expect(placementOf(profile)).toEqual({ CPUExecutionProvider: 1, CUDAExecutionProvider: 1 });
});

test("a GPU that leaves work to the processor says how much", () => {
  const note = placementNote([{ CPUExecutionProvider: 2, CUDAExecutionProvider: 5 }, { CUDAExecutionProvider: 3 }]);
  expect(note).toContain("2 of 10 operations run on the processor");
  expect(placementNote([{ CUDAExecutionProvider: 3 }, {}])).toBeUndefined();
});
