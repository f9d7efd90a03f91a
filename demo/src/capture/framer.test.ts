import { expect, test } from "vitest";
import { FRAME_SAMPLES, Framer } from "./framer.ts";

function frames(sampleRateHz: number, samples: Float32Array, blockLength = 128): number[] {
  const framer = new Framer(sampleRateHz);
  const out: number[] = [];
  for (let at = 0; at < samples.length; at += blockLength)
    framer.push(samples.subarray(at, at + blockLength), (frame) => out.push(...frame));
  return out;
}
const ramp = (length: number, slope: number) => Float32Array.from({ length }, (_, index) => index * slope);

test("Framer passes 48 kHz on sample by sample, in frames of 960", () => {
  const out = frames(48_000, ramp(2_000, 1));
  expect(out).toHaveLength(2 * FRAME_SAMPLES);
  expect(out.slice(0, 4)).toEqual([0, 1, 2, 3]);
  expect(out.at(-1)).toBe(1_919);
});

test("Framer stretches 44.1 kHz without a jump between blocks", () => {
  const out = frames(44_100, ramp(44_100, 1));
  const steps = out.slice(2).map((sample, index) => sample - (out[index + 1] ?? 0));
  expect(Math.abs(out.length - 48_000)).toBeLessThanOrEqual(FRAME_SAMPLES);
  expect(Math.max(...steps)).toBeCloseTo(44_100 / 48_000, 1);
  expect(Math.min(...steps)).toBeCloseTo(44_100 / 48_000, 1);
});

test("flush() fills the last frame with silence", () => {
  const framer = new Framer(48_000);
  framer.push(new Float32Array(100).fill(1), () => {});
  const rest = framer.flush();
  expect(rest?.length).toBe(FRAME_SAMPLES);
  expect(rest?.at(99)).toBe(1);
  expect(rest?.at(100)).toBe(0);
  expect(framer.flush()).toBeUndefined();
});
