import { describe, expect, test } from "vitest";
import { isWav, parseWav } from "./wav.ts";

interface Header {
  readonly kind?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly bits: number;
  readonly dataSize?: number;
}

/** A WAV file with an odd-sized chunk in front of the audio, as recorders write them. */
function wav({ kind = 1, channels = 1, rate = 44_100, bits, dataSize }: Header, data: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(56 + data.length);
  bytes.write("RIFF\0\0\0\0WAVEfmt ", 0, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(kind, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt16LE(bits, 34);
  bytes.write("note", 36, "latin1");
  bytes.writeUInt32LE(3, 40);
  bytes.write("data", 48, "latin1");
  bytes.writeUInt32LE(dataSize ?? data.length, 52);
  bytes.set(data, 56);
  return bytes;
}
const read = (header: Header, data: readonly number[]) => [...parseWav(wav(header, data)).samples];

describe("parseWav()", () => {
  test("reads 8, 16, 24 and 32 bit integers and 32 bit floats", () => {
    expect(read({ bits: 8 }, [0x80, 0xc0, 0x00])).toEqual([0, 0.5, -1]);
    expect(read({ bits: 16 }, [0x00, 0x40, 0x00, 0x80])).toEqual([0.5, -1]);
    expect(read({ bits: 24 }, [0x00, 0x00, 0x40, 0x00, 0x00, 0x80])).toEqual([0.5, -1]);
    expect(read({ bits: 32 }, [0x00, 0x00, 0x00, 0xc0])).toEqual([-0.5]);
    expect(read({ kind: 3, bits: 32 }, [0x00, 0x00, 0x80, 0x3e])).toEqual([0.25]);
  });

  test("mixes channels down and keeps the rate", () => {
    expect(parseWav(wav({ channels: 2, rate: 8_000, bits: 16 }, [0x00, 0x40, 0x00, 0xc0]))).toEqual({
      sampleRateHz: 8_000,
      samples: Float32Array.of(0),
    });
  });

  test("takes what is there when the recorder never wrote the size", () => {
    expect(read({ bits: 8, dataSize: 0xffff_ffff }, [0x80, 0xc0])).toEqual([0, 0.5]);
  });

  test("says what coding it cannot read, and what to do", () => {
    expect(() => read({ kind: 85, bits: 0 }, [1])).toThrow("coding 85");
  });

  test("says when there is no audio", () => {
    expect(() => parseWav(wav({ bits: 16 }, []).subarray(0, 40))).toThrow("no audio");
  });
});

test("isWav() looks at the content, not the name", () => {
  expect(isWav(wav({ bits: 16 }, []))).toBe(true);
  expect(isWav(Buffer.from("RIFF....AVI LIST"))).toBe(false);
});
