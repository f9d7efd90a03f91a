import { expect, test } from "vitest";
import { RealFft } from "./real-fft.ts";

/** The definition, term by term. */
function powerByDefinition(frame: readonly number[]): number[] {
  const n = frame.length;
  return Array.from({ length: n / 2 + 1 }, (_, k) => {
    let re = 0;
    let im = 0;
    frame.forEach((x, i) => {
      re += x * Math.cos((2 * Math.PI * k * i) / n);
      im -= x * Math.sin((2 * Math.PI * k * i) / n);
    });
    return re * re + im * im;
  });
}

test.each([2, 4, 6, 10, 14, 22, 64, 400, 512])("power() of %i samples is what the definition gives", (length) => {
  const frame = Array.from({ length }, (_, i) => Math.sin(i * i * 0.37) + 0.3 * Math.cos(i));
  const power = new Float64Array(length / 2 + 1);
  new RealFft(length).power(Float64Array.from(frame), power);
  powerByDefinition(frame).forEach((expected, k) => {
    expect(power[k]).toBeCloseTo(expected, 8);
  });
});

test("an odd length is refused", () => {
  expect(() => new RealFft(401)).toThrow("even length, got 401");
});
