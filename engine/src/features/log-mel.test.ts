import fc from "fast-check";
import { expect, test } from "vitest";
import { LogMel } from "./log-mel.ts";

const spec = {
  sampleRateHz: 16_000,
  fftLength: 400,
  mels: 80,
  minHz: 0,
  maxHz: 8_000,
  hopSamples: 160,
  leftZeros: 240,
  floor: 1e-8,
  offset: 4,
  scale: 4,
};
const tone = (samples: number, hz: number) =>
  Float32Array.from({ length: samples }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / 16_000));

test("silence is the floor in every band", () => {
  const mel = new LogMel(spec);
  const { features, frames } = mel.push(new Float32Array(1_600), mel.initial());
  expect(frames).toBe(10);
  for (const feature of features) expect(feature).toBeCloseTo((Math.log10(1e-8) + 4) / 4, 6);
});

test("a 1 kHz tone is loudest in the band around 1 kHz", () => {
  const mel = new LogMel(spec);
  const { features, frames } = mel.push(tone(3_200, 1_000), mel.initial());
  const column = Array.from({ length: 80 }, (_, band) => features[band * frames + 10] ?? 0);
  // 80 bands from 0 to 45.2 mel; 1 kHz is 15 mel, so the nearest centre is band 26 (15 / 45.2 · 81 − 1 ≈ 25.9).
  expect(column.indexOf(Math.max(...column))).toBe(26);
});

test("a frame is complete as soon as its last sample is there", () => {
  const mel = new LogMel(spec);
  expect(mel.samplesFor(1, mel.initial())).toBe(160);
  expect(mel.push(tone(159, 440), mel.initial()).frames).toBe(0);
  expect(mel.push(tone(160, 440), mel.initial()).frames).toBe(1);
});

test("any chunking of the samples gives the same features, bit by bit", () => {
  const mel = new LogMel(spec);
  const samples = tone(4_000, 523).map((x, i) => x + 0.01 * Math.sin(i * i));
  const whole = mel.push(samples, mel.initial());
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 20 }), (sizes) => {
      const columns: number[][] = [];
      let state = mel.initial();
      let at = 0;
      for (const size of [...sizes, samples.length]) {
        const part = mel.push(samples.subarray(at, at + size), state);
        at = Math.min(samples.length, at + size);
        state = part.state;
        for (let t = 0; t < part.frames; t += 1)
          columns.push(Array.from({ length: 80 }, (_, band) => part.features[band * part.frames + t] ?? 0));
      }
      expect(columns).toEqual(
        Array.from({ length: whole.frames }, (_, t) =>
          Array.from({ length: 80 }, (_, band) => whole.features[band * whole.frames + t] ?? 0),
        ),
      );
    }),
    { numRuns: 30, seed: 1 },
  );
});
