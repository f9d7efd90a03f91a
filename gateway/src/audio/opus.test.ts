import { AloudError } from "@aloud/client/protocol";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { opusPackets } from "../../../tests/helpers/opus.ts";
import { speech } from "../../../tests/helpers/sound.ts";
import { DecoderPool } from "./decoder-pool.ts";
import { OpusStream } from "./opus.ts";
import { opusPacketMs } from "./opus-packet.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const pool = new DecoderPool(0);
afterAll(() => pool.close());
const open = async () => new OpusStream(await pool.take());
const length = (pieces: readonly Float32Array[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);

describe("opusPacketMs()", () => {
  test("reads the duration from the TOC and the frame count", () => {
    expect(opusPacketMs(bytes("48 00"))).toBe(20);
    expect(opusPacketMs(bytes("58 00"))).toBe(60);
    expect(opusPacketMs(bytes("e0 00"))).toBe(2.5);
    expect(opusPacketMs(bytes("49 0000"))).toBe(40);
    expect(opusPacketMs(bytes("4b 06 000000000000"))).toBe(120);
  });

  test.each([
    ["nothing", ""],
    ["two equal frames in an odd body", "49 00"],
    ["a first frame longer than the packet", "4a 10 00"],
    ["a frame length cut in half", "4a ff"],
    ["a missing frame count", "4b"],
    ["no frames", "4b 00"],
    ["more than 120 ms", "4b 07 00000000000000"],
    ["padding longer than the packet", "4b 41 20 00"],
    ["padding that never ends", "4b 41 ff"],
    ["frames that do not divide the body", "4b 02 000000"],
  ])("refuses %s", (_what, hex) => {
    expect(() => opusPacketMs(bytes(hex))).toThrow(AloudError);
  });

  test("refuses a frame above 1,275 bytes", () => {
    const packet = new Uint8Array(1_277);
    packet[0] = 0x48;
    expect(() => opusPacketMs(packet)).toThrow("1276 bytes exceeds 1275");
    expect(opusPacketMs(packet.subarray(0, 1_276))).toBe(20);
  });

  test("answers with at most 120 ms or an AloudError, whatever it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (packet) => {
        try {
          expect(opusPacketMs(packet)).toBeLessThanOrEqual(120);
        } catch (error) {
          expect(error).toBeInstanceOf(AloudError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("OpusStream", () => {
  test("decodes 20 ms packets to 320 samples each", async () => {
    const stream = await open();
    for (const packet of (await opusPackets(speech("time"))).slice(0, 10)) expect(length(stream.decode({ packet }))).toBe(320);
    stream.close();
  });

  test("fills what the client skipped, so that the audio clock stays true", async () => {
    const stream = await open();
    const [first, second] = await opusPackets(speech("time").subarray(4_000));
    if (first === undefined || second === undefined) throw new Error("no packets");
    stream.decode({ packet: first, captureTime48k: 0xffff_fe00 });
    // 20 ms are due; 500 ms more were skipped, and the clock wraps in between.
    const pieces = stream.decode({ packet: second, captureTime48k: (0xffff_fe00 + 520 * 48) >>> 0 });
    expect(length(pieces)).toBe(520 * 16);
    expect(pieces.at(-1)).toHaveLength(320);
    expect(pieces.slice(0, 3).map((piece) => piece.length)).toEqual([320, 320, 320]);
    stream.close();
  });

  test("cuts a gap of an hour to the longest that makes sense, and ignores a clock that went back", async () => {
    const stream = await open();
    const [packet] = await opusPackets(speech("time").subarray(4_000));
    if (packet === undefined) throw new Error("no packets");
    stream.decode({ packet, captureTime48k: 1_000_000 });
    expect(length(stream.decode({ packet, captureTime48k: 1_000_000 + 3_600_000 * 48 }))).toBe(2_020 * 16);
    expect(length(stream.decode({ packet, captureTime48k: 0 }))).toBe(320);
    stream.close();
  });

  test("survives random packets without a word on the console", async () => {
    const stream = await open();
    const { error } = console;
    let printed = 0;
    console.error = () => {
      printed++;
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (packet) => {
        try {
          expect(length(stream.decode({ packet }))).toBeLessThanOrEqual(1_920);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(AloudError);
        }
      }),
      { numRuns: 500 },
    );
    console.error = error;
    expect(printed).toBe(0);
    stream.close();
  });
});

test("a DecoderPool counts what sessions hold, and frees the rest when it closes", async () => {
  const small = new DecoderPool(1);
  await small.warm();
  const decoder = await small.take();
  expect(small.live()).toBe(1);
  decoder.free();
  expect(small.live()).toBe(0);
  small.close();
  expect(decoder.decode(bytes("48 00"))).toBeUndefined();
});
