import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeG711 } from "./g711.ts";

/** Values of ITU-T G.711, tables 1 and 2, scaled to 16 bits: code words and what they stand for. */
const KNOWN: Readonly<Record<"audio/pcmu" | "audio/pcma", readonly (readonly [byte: number, value: number])[]>> = {
  "audio/pcmu": [
    [0x00, -32_124],
    [0x7f, 0],
    [0x80, 32_124],
    [0xff, 0],
    [0xef, 132],
    [0xc0, 1_884],
  ],
  "audio/pcma": [
    [0xd5, 8],
    [0x55, -8],
    [0xaa, 32_256],
    [0x2a, -32_256],
    [0x80, 5_504],
    [0xc5, 264],
  ],
};

/** CRC-32 of all 256 values as 16-bit little-endian numbers, as CPython's audioop (`ulaw2lin`, `alaw2lin`) gives them. */
const CHECKSUMS = { "audio/pcmu": 210_008_735, "audio/pcma": 2_641_774_167 } as const;

describe.each(["audio/pcmu", "audio/pcma"] as const)("decodeG711() of %s", (law) => {
  test("gives the standard's values", () => {
    const samples = decodeG711(
      Uint8Array.from(KNOWN[law], ([byte]) => byte),
      law,
    );
    expect([...samples].map((sample) => sample * 32_768 + 0)).toEqual(KNOWN[law].map(([, value]) => value));
  });

  test("agrees with another implementation about every byte", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const values = Buffer.alloc(512);
    for (const [index, sample] of decodeG711(bytes, law).entries()) values.writeInt16LE(sample * 32_768, index * 2);
    expect(crc32(values)).toBe(CHECKSUMS[law]);
  });
});
