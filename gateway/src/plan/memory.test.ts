/** The arithmetic held to figures that others published. */
import { describe, expect, test } from "vitest";
import { parseGpus } from "./cards.ts";
import { fit, sessionTokens } from "./fit.ts";
import {
  BLOCK_TOKENS,
  budget,
  degreeDivides,
  GIB,
  kvBytesPerToken,
  kvBytesPerTokenPerGpu,
  reserveBytes,
  weightBytes,
  weightBytesPerGpu,
} from "./memory.ts";
import { findModel, MODELS, type Model } from "./models.ts";

function model(id: string): Model {
  const found = findModel(id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}
const r1 = model("step-audio-r1");

describe("weights", () => {
  test.each([
    ["step-audio-r1.1", "bf16", 67.0, "seen on one H100 (sonusahani.com)"],
    ["step-audio-r1.1", "fp8", 35.8, "research"],
    ["step-audio-r1", "nvfp4", 22.1, "Firworks' card: about 22 GB"],
    ["qwen3-omni", "bf16", 63.4, "31.7 B parameters; README: 68.74 GB with 15 s of video"],
    ["moss-audio-8b", "bf16", 17.2, "card: 8.6 B"],
    ["moss-audio-4b", "bf16", 9.2, "card: 4.6 B"],
    ["qwen2-audio", "bf16", 16.8, "8.4 B parameters"],
    ["voxtral-mini", "bf16", 9.4, "files at Hugging Face: 9.4 GB"],
    ["voxtral-small", "bf16", 48.5, "24.3 B parameters; card: about 55 GB to run"],
  ] as const)("%s in %s is %f GB (%s)", (id, precision, gb, _source) => {
    expect(weightBytes(model(id), precision) / 1e9).toBeCloseTo(gb, 0);
  });

  test("are split over the GPUs, but the encoder is on each", () => {
    const whole = weightBytesPerGpu(r1, "bf16", 1);
    expect(whole).toBe(weightBytes(r1, "bf16"));
    expect(4 * weightBytesPerGpu(r1, "bf16", 4) - whole).toBeCloseTo(3 * 2 * r1.replicatedParams, -3);
  });
});

describe("real servers: vLLM 0.22.1 with the shape of Step-Audio-R1 on H200s of 139.7 GiB (docs/latency.md)", () => {
  test.each([
    { gpus: 1, share: 0.95, weights: 62.36, digits: 1, tokens: 280_272 },
    { gpus: 1, share: 0.64, weights: 62.36, digits: 1, tokens: 102_704 },
    { gpus: 2, share: 0.8, weights: 31.97, digits: 0, tokens: 637_168 },
    { gpus: 2, share: 0.9, weights: 31.97, digits: 0, tokens: 754_864 },
  ])("$gpus GPU, $share of it: the weights as computed, the reserve enough and less than 1 GiB too much", (real) => {
    expect(weightBytesPerGpu(model("step-audio-r1.1"), "bf16", real.gpus) / GIB).toBeCloseTo(real.weights, real.digits);
    const cacheGib = (real.tokens * kvBytesPerTokenPerGpu(r1, real.gpus)) / GIB;
    const reserve = 139.7 * real.share - real.weights - cacheGib;
    expect(reserve).toBeLessThanOrEqual(reserveBytes(r1, real.gpus, 139.7) / GIB);
    expect(reserve).toBeGreaterThan(reserveBytes(r1, real.gpus, 139.7) / GIB - 1);
  });
});

describe("keys and values", () => {
  test.each([
    ["step-audio-r1", 256],
    ["qwen3-omni", 96],
    ["moss-audio-8b", 144],
    ["ultravox", 128],
    ["qwen2-audio", 512],
  ])("%s: %d KiB a token", (id, kib) => {
    expect(kvBytesPerToken(model(id))).toBe(kib * 1024);
  });

  test("16k tokens of Step-Audio-R1 are 4 GiB, 64k are 16 GiB", () => {
    expect(kvBytesPerToken(r1) * 16_384).toBe(4 * GIB);
    expect(kvBytesPerToken(r1) * 65_536).toBe(16 * GIB);
  });

  test("are split while there are heads, then copied", () => {
    expect([1, 2, 4, 8].map((degree) => kvBytesPerTokenPerGpu(r1, degree) / 1024)).toEqual([256, 128, 64, 32]);
    const omni = model("qwen3-omni");
    expect(kvBytesPerTokenPerGpu(omni, 8)).toBe(kvBytesPerTokenPerGpu(omni, 4));
  });

  test("fill whole blocks of 16 tokens", () => {
    for (const each of MODELS) expect(budget(each, "bf16", 1, 79.1).kvTokens % BLOCK_TOKENS).toBe(0);
  });
});

describe("tensor parallelism", () => {
  test("divides the heads: Step-Audio-R1 has 40 and 8, Voxtral's encoder 20", () => {
    expect([1, 2, 3, 4, 8, 16].filter((degree) => degreeDivides(r1, degree))).toEqual([1, 2, 4, 8]);
    expect([1, 2, 4, 8].filter((degree) => degreeDivides(model("voxtral-small"), degree))).toEqual([1, 2, 4]);
  });
});

/** The table of research/vllm.md, section 5, worked out by hand: 2.5 GiB of reserve, 0.92 of the card. */
describe("Step-Audio-R1's cache", () => {
  test.each([
    ["A6000", "fp8", 32_000],
    ["A6000", "bnb4", 88_000],
    ["L40S", "fp8", 21_000],
    ["H100", "bf16", 32_000],
    ["H100", "fp8", 151_000],
    ["H200", "bf16", 261_000],
  ] as const)("on one %s in %s: about %d tokens", (card, precision, tokens) => {
    const [group] = parseGpus(card);
    const { kvTokens } = budget(r1, precision, 1, group?.usableGib ?? 0);
    expect(kvTokens / tokens).toBeGreaterThan(0.96);
    expect(kvTokens / tokens).toBeLessThan(1.04);
  });

  test.each(["A6000", "L40S"])("in bf16 is none on one %s", (card) => {
    expect(budget(r1, "bf16", 1, parseGpus(card)[0]?.usableGib ?? 0).kvTokens).toBe(0);
  });
});

test("the reserve is never below 2.5 GiB, and grows with the batch of a large card", () => {
  for (const each of MODELS) for (const gib of [22, 79.1]) expect(reserveBytes(each, 1, gib)).toBeGreaterThanOrEqual(2.5 * GIB);
  expect(reserveBytes(model("voxtral-small"), 1, 79.1)).toBeGreaterThan(reserveBytes(model("voxtral-small"), 1, 44.4));
});

describe("the choice", () => {
  const gpus = (text: string) => parseGpus(text);

  test("a conversation is its history and one whole turn: a thinker's is longer", () => {
    expect(sessionTokens(r1, 65_536)).toBe(7_424);
    expect(sessionTokens(model("ultravox"), 65_536)).toBe(4_560);
    expect(sessionTokens(r1, 4_096)).toBe(4_096);
  });

  test("StepFun's vLLM loads bf16 before it quantises: no fp8 on a card that does not hold 67 GB", () => {
    expect(fit(model("step-audio-r1.1"), gpus("A6000"), { precision: "fp8" }).fits).toBe(false);
    expect(fit(model("step-audio-r1.1"), gpus("H100"), { precision: "fp8" }).fits).toBe(true);
    expect(fit(model("qwen3-omni"), gpus("A6000"), { precision: "fp8" }).fits).toBe(true);
  });

  test("more sessions than bf16 holds take the next precision", () => {
    const found = fit(model("step-audio-r1.1"), gpus("H100"), { sessions: 10 });
    expect(found.fits && found.placement.build.precision).toBe("fp8");
  });

  test("cards of different kinds are never in one server", () => {
    const found = fit(r1, gpus("A6000:48x1,L40S:48x1"), { precision: "bf16" });
    expect(found.fits).toBe(false);
  });

  test("what GPUs are left over run replicas", () => {
    const found = fit(model("moss-audio-8b"), gpus("L40S:48x4"));
    expect(found.fits && [found.placement.degree, found.placement.replicas]).toEqual([1, 4]);
  });

  test("three cards split nothing evenly but run three small servers", () => {
    const large = fit(r1, gpus("L40S:48x3"));
    expect(large.fits && [large.placement.degree, large.placement.replicas]).toEqual([2, 1]);
    const small = fit(model("moss-audio-4b"), gpus("L40S:48x3"));
    expect(small.fits && [small.placement.degree, small.placement.replicas]).toEqual([1, 3]);
  });
});
