import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUDIO_HEADER_BYTES, decodeAudioPacket, encodeAudioPacket, MAX_PACKET_BYTES } from "./audio-frame.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

describe("the binary audio message", () => {
  test("is sequence number, capture time and packet, big-endian", () => {
    const message = encodeAudioPacket({ seq: 0x01020304, captureTime48k: 0xfffefdfc, packet: hex("f8 ff fe") });
    expect(message).toEqual(hex("01020304 fffefdfc f8fffe"));
  });

  test("wraps sequence number and time at 2^32", () => {
    const message = encodeAudioPacket({ seq: 2 ** 32 + 5, captureTime48k: 2 ** 32 + 960, packet: hex("f8") });
    expect(decodeAudioPacket(message)).toMatchObject({ seq: 5, captureTime48k: 960 });
  });

  test("survives the round trip for every header and packet", () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(u32, u32, fc.uint8Array({ minLength: 1, maxLength: 200 }), (seq, captureTime48k, packet) => {
        expect(decodeAudioPacket(encodeAudioPacket({ seq, captureTime48k, packet }))).toEqual({ seq, captureTime48k, packet });
      }),
    );
  });

  test.each([0, AUDIO_HEADER_BYTES - 1, AUDIO_HEADER_BYTES, AUDIO_HEADER_BYTES + MAX_PACKET_BYTES + 1])(
    "of %i bytes is refused with its size",
    (bytes) => {
      expect(() => decodeAudioPacket(new Uint8Array(bytes))).toThrow(
        expect.objectContaining({ code: "audio_packet_invalid", message: expect.stringContaining(`${bytes} bytes`) }),
      );
    },
  );

  test("is read in place when the message is a view into a larger buffer", () => {
    const pooled = new Uint8Array(64);
    pooled.set(encodeAudioPacket({ seq: 7, captureTime48k: 9, packet: hex("aabb") }), 13);
    expect(decodeAudioPacket(pooled.subarray(13, 13 + 10))).toEqual({ seq: 7, captureTime48k: 9, packet: hex("aabb") });
  });
});
