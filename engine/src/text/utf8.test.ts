import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, NO_BYTES } from "./utf8.ts";

test("decodeUtf8() never gives half a character, and all of it in the end", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 9 }), (text, sizes) => {
      const bytes = new TextEncoder().encode(text);
      let rest: Uint8Array = NO_BYTES;
      let out = "";
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = sizes[n % sizes.length] ?? 1;
        const decoded = decodeUtf8(rest, bytes.subarray(at, at + size));
        expect(decoded.text).not.toContain("\uFFFD");
        expect(decoded.rest.length).toBeLessThanOrEqual(3);
        rest = decoded.rest;
        out += decoded.text;
        at += size;
      }
      expect(out).toBe(text.toWellFormed());
      expect(rest.length).toBe(0);
    }),
    { seed: 1 },
  );
});

test("decodeUtf8() reads impossible bytes as U+FFFD and goes on", () => {
  expect(decodeUtf8(NO_BYTES, Uint8Array.of(0xff, 0x41))).toEqual({ text: "\uFFFDA", rest: NO_BYTES });
  expect(decodeUtf8(Uint8Array.of(0xe2, 0x82), Uint8Array.of(0x41)).text).toBe("\uFFFDA");
});
