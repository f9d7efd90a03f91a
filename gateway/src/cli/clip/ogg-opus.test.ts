import { describe, expect, test } from "vitest";
import { isOgg, parseOggOpus } from "./ogg-opus.ts";

/** One page: its flags, the stream's number, its lacing values and body. */
function page(flags: number, serial: number, lacing: readonly number[], body: Uint8Array): Uint8Array {
  const header = Buffer.alloc(27 + lacing.length);
  header.write("OggS", 0, "latin1");
  header[5] = flags;
  header.writeUInt32LE(serial, 14);
  header[26] = lacing.length;
  header.set(lacing, 27);
  return Buffer.concat([header, body]);
}
const head = Buffer.from("OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00", "latin1");
const tags = Buffer.from("OpusTags", "latin1");
const headers = [page(2, 7, [19], head), page(0, 7, [8], tags)];
const file = (...pages: readonly Uint8Array[]) => Buffer.concat([...headers, ...pages]);

describe("parseOggOpus()", () => {
  test("reads channels, pre-skip and packets", () => {
    expect(parseOggOpus(file(page(0, 7, [2, 1], Uint8Array.of(8, 1, 8))))).toEqual({
      channels: 1,
      preSkip48k: 312,
      packets: [Buffer.of(8, 1), Buffer.of(8)],
    });
  });

  test("joins a packet that goes on over a page", () => {
    const body = new Uint8Array(255).fill(9);
    const { packets } = parseOggOpus(file(page(0, 7, [255], body), page(1, 7, [3], Uint8Array.of(1, 2, 3))));
    expect(packets.map((packet) => packet.length)).toEqual([258]);
  });

  test("drops a packet whose end is missing", () => {
    const body = new Uint8Array(255).fill(9);
    const { packets } = parseOggOpus(file(page(0, 7, [255], body), page(0, 7, [1], Uint8Array.of(8))));
    expect(packets).toEqual([Buffer.of(8)]);
  });

  test("keeps to the first stream", () => {
    const { packets } = parseOggOpus(file(page(0, 8, [1], Uint8Array.of(1)), page(0, 7, [1], Uint8Array.of(8))));
    expect(packets).toEqual([Buffer.of(8)]);
  });

  test("says when it is no Opus, damaged, or empty", () => {
    expect(() => parseOggOpus(page(2, 7, [7], Buffer.from("\x01vorbis", "latin1")))).toThrow("no Opus stream");
    expect(() => parseOggOpus(Buffer.concat([file(), Buffer.alloc(40)]))).toThrow("damaged at byte");
    expect(() => parseOggOpus(file())).toThrow("no audio");
  });
});

test("isOgg() looks at the first four bytes", () => {
  expect([isOgg(headers[0] ?? new Uint8Array()), isOgg(Buffer.from("RIFF"))]).toEqual([true, false]);
});
