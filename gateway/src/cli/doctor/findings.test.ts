/** The usual failures of a GPU machine, one a test, each with what the person is told to do. */
import { describe, expect, test } from "vitest";
import { findModel } from "../../plan/models.ts";
import type { SeenGpus } from "../gpus.ts";
import { type GpuFacts, gpuFindings } from "./findings.ts";

const L40S = (index: number, usedMib = 4) => ({ index, name: "NVIDIA L40S", totalMib: 46_068, usedMib, capability: 8.9 });
const four: SeenGpus = { found: true, driver: "580.95.05", gpus: [L40S(0), L40S(1), L40S(2), L40S(3)] };

/** Four L40S on which everything is in order. */
const good: GpuFacts = {
  seen: four,
  sharedMemoryBytes: 64 * 2 ** 30,
  container: { state: "ready", version: "28.1.1", nvidia: true },
  serverPortTaken: false,
  weightsDir: "/home/ada/.cache/huggingface",
  weightsFreeBytes: 500e9,
  downloaded: [],
};

function finding(facts: Partial<GpuFacts>, check: string, model?: string) {
  const findings = gpuFindings({ ...good, ...facts }, model === undefined ? undefined : findModel(model));
  return findings.find((each) => each.check === check);
}

test("a machine in order has nothing to mend", () => {
  const findings = gpuFindings(good, undefined);
  expect(findings.map(({ check, verdict }) => [check, verdict])).toEqual([
    ["GPU", "ok"],
    ["driver", "ok"],
    ["large model", "ok"],
    ["shared memory", "ok"],
    ["container", "ok"],
    ["GPU in it", "ok"],
    ["vLLM port", "ok"],
    ["disk", "ok"],
  ]);
  expect(finding({}, "large model")?.found).toContain("Step-Audio-R1.1 fits in bf16, 48 conversations");
});

test("without a GPU nothing is said of containers, unless a large model was asked for", () => {
  const seen: SeenGpus = { found: false, why: "nvidia-smi is not installed" };
  expect(gpuFindings({ ...good, seen }, undefined)).toEqual([
    { check: "GPU", verdict: "ok", found: "none found (nvidia-smi is not installed); nano runs on the processor", advice: "" },
  ]);
  expect(finding({ seen }, "GPU", "moss-audio-8b")).toMatchObject({
    verdict: "note",
    advice: expect.stringContaining("install its driver"),
  });
  expect(finding({ seen }, "container", "moss-audio-8b")?.verdict).toBe("ok");
});

describe("each failure has its fix", () => {
  test.each<[string, Partial<GpuFacts>, string, RegExp, RegExp]>([
    ["a card in use", { seen: { ...four, gpus: [L40S(0), L40S(1, 20_480)] } }, "GPU", /card 1 has 20\.0 GiB in use/, /end what uses it/],
    ["an old driver", { seen: { ...four, driver: "550.54.15" } }, "driver", /550\.54\.15 is older than 570/, /install driver 570/],
    ["Docker's own shared memory", { sharedMemoryBytes: 64 * 2 ** 20 }, "shared memory", /0\.1 GiB.*4 GPUs want 4 GiB/, /--ipc=host/],
    ["no shared memory", { sharedMemoryBytes: undefined }, "shared memory", /no \/dev\/shm/, /--shm-size/],
    ["no docker", { container: { state: "absent" } }, "container", /not installed/, /install Docker Engine/],
    [
      "docker without rights",
      { container: { state: "silent", why: "permission denied while trying to connect" } },
      "container",
      /does not answer/,
      /usermod -aG docker/,
    ],
    ["docker not started", { container: { state: "silent", why: "Cannot connect" } }, "container", /Cannot connect/, /systemctl start/],
    [
      "no toolkit",
      { container: { state: "ready", version: "28", nvidia: false } },
      "GPU in it",
      /see no GPU/,
      /nvidia-ctk runtime configure/,
    ],
    ["a taken port", { serverPortTaken: true }, "vLLM port", /8000 is taken/, /--url/],
    ["a full disk", { weightsFreeBytes: 40e9 }, "disk", /40 GB free.*Step-Audio-R1\.1 takes 71 GB/, /HF_HOME/],
  ])("%s", (_name, facts, check, found, advice) => {
    const result = finding(facts, check);
    expect(result?.verdict).toBe("note");
    expect(result?.found).toMatch(found);
    expect(result?.advice).toMatch(advice);
    expect(result?.advice).not.toContain("\n");
  });
});

test("the chosen model decides what disk and driver are measured by", () => {
  expect(finding({ weightsFreeBytes: 40e9 }, "disk", "moss-audio-8b")).toMatchObject({ verdict: "ok" });
  expect(finding({ seen: { ...four, driver: "570.10" } }, "driver", "moss-audio-8b")?.verdict).toBe("note");
  expect(finding({ seen: { ...four, gpus: [L40S(0)] } }, "large model", "step-audio-r1.1")?.verdict).toBe("ok");
});

test("weights that were downloaded need no space again", () => {
  const facts = { weightsFreeBytes: 1e9, downloaded: ["stepfun-ai/Step-Audio-R1.1"] };
  expect(finding(facts, "disk")).toMatchObject({ verdict: "ok", found: expect.stringContaining("lies in") });
});
