import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Resampler, resample } from "./resample.ts";

const sine = (hz: number, rate: number, seconds = 1) =>
  Float32Array.from({ length: rate * seconds }, (_, index) => Math.sin((2 * Math.PI * hz * index) / rate));
/** Level of the middle of a signal against a full sine, in dB. */
const levelDb = (samples: Float32Array) => {
  const middle = samples.subarray(samples.length / 4, (samples.length * 3) / 4);
  const power = middle.reduce((sum, value) => sum + value * value, 0) / middle.length;
  return 10 * Math.log10(2 * power + 1e-20);
};

describe("resample()", () => {
  test.each([
    [24_000, 16_000],
    [48_000, 16_000],
    [44_100, 16_000],
    [22_050, 16_000],
    [8_000, 16_000],
    [11_025, 24_000],
  ])("from %i to %i Hz keeps a tone's level, frequency and length", (from, to) => {
    const out = resample(sine(1_000, from), from, to);
    expect(out).toHaveLength(to);
    expect(Math.abs(levelDb(out))).toBeLessThan(0.05);
    const expected = sine(1_000, to);
    const error = out.subarray(2_000, 6_000).map((value, index) => value - (expected[index + 2_000] ?? 0));
    expect(levelDb(error)).toBeLessThan(-60);
  });

  test.each([
    [48_000, 16_000, 9_500],
    [24_000, 16_000, 9_000],
    [44_100, 16_000, 12_000],
  ])("from %i to %i Hz lets nothing of %i Hz through as an alias", (from, to, hz) => {
    expect(levelDb(resample(sine(hz, from), from, to))).toBeLessThan(-70);
  });

  test("copies when the rates are equal", () => {
    expect(resample(Float32Array.of(1, 2, 3), 16_000, 16_000)).toEqual(Float32Array.of(1, 2, 3));
  });
});

describe("a Resampler", () => {
  test("gives the same samples however the input is cut", () => {
    const input = sine(440, 24_000, 0.2);
    const whole = resample(input, 24_000, 16_000);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 30 }), (cuts) => {
        const resampler = new Resampler(24_000, 16_000);
        const pieces: number[] = [];
        let at = 0;
        for (const cut of [...cuts, input.length]) {
          pieces.push(...resampler.push(input.subarray(at, at + cut)));
          at = Math.min(input.length, at + cut);
        }
        pieces.push(...resampler.flush());
        expect(Float32Array.from(pieces).subarray(0, whole.length)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test("refuses rates that are none", () => {
    expect(() => new Resampler(0, 16_000)).toThrow(RangeError);
    expect(() => new Resampler(16_000.5, 16_000)).toThrow(RangeError);
  });
});
