import { AloudError } from "@aloud/client/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Framer } from "./framer.ts";
import { decodePcm16, fromPcm16, toPcm16 } from "./pcm.ts";
import { Preroll } from "./preroll.ts";

test("a Framer loses and repeats nothing, however the input is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1_500 }), { maxLength: 12 }), (lengths) => {
      const framer = new Framer(512);
      let next = 0;
      const out: number[] = [];
      for (const length of lengths) {
        const windows = framer.push(Float32Array.from({ length }, () => next++));
        expect(windows.every((window) => window.length === 512)).toBe(true);
        out.push(...windows.flatMap((window) => [...window]));
      }
      out.push(...framer.flush());
      expect(out).toEqual(Array.from({ length: next }, (_, index) => index));
    }),
  );
});

test("Preroll gives what it kept from a sample on, and keeps no more than its capacity", () => {
  const preroll = new Preroll(1_024);
  for (let start = 0; start < 4_096; start += 512) preroll.push(start, new Float32Array(512).fill(start));
  expect(preroll.end()).toBe(4_096);
  expect(preroll.since(0).map((samples) => samples.length)).toEqual([512, 512]);
  expect(preroll.since(3_700).map((samples) => samples.length)).toEqual([396]);
  expect(preroll.since(4_096)).toEqual([]);
});

test("decodePcm16() reads little-endian samples", () => {
  expect(decodePcm16(Buffer.from([0x00, 0x40, 0x00, 0x80]).toString("base64"))).toEqual(Float32Array.of(0.5, -1));
});

test.each(["AAA", "!!!!", "AAAAAA==x", "AA=A", "AAAA"])("decodePcm16() refuses %s", (base64) => {
  expect(() => decodePcm16(base64)).toThrow(AloudError);
});

test("toPcm16() and back keeps a sample within half a step, and clips", () => {
  const back = fromPcm16(toPcm16(Float32Array.of(0.25, -0.3333, 2, -2)));
  expect(Math.abs((back[1] ?? 0) + 0.3333)).toBeLessThan(1 / 65_536);
  expect([...back.subarray(2)]).toEqual([32_767 / 32_768, -1]);
});
