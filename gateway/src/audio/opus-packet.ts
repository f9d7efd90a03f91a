/** The shape of an Opus packet (RFC 6716 §3), checked before any decoder sees it. */
import { AloudError } from "@aloud/client/protocol";

const MAX_FRAME_BYTES = 1_275;
/** RFC 6716 [R5]: no packet holds more than 120 ms. */
const MAX_PACKET_MS = 120;
/** Frame durations by the TOC's configuration: SILK 0–11, hybrid 12–15, CELT 16–31. */
const SILK_MS = [10, 20, 40, 60] as const;
const HYBRID_MS = [10, 20] as const;
const CELT_MS = [2.5, 5, 10, 20] as const;

function frameMs(toc: number): number {
  const config = toc >> 3;
  if (config < 12) return SILK_MS[config & 3] ?? 0;
  if (config < 16) return HYBRID_MS[config & 1] ?? 0;
  return CELT_MS[config & 3] ?? 0;
}

const invalid = (why: string) => new AloudError("audio_packet_invalid", `Opus packet: ${why}`);

/** Length of a frame as 1 or 2 bytes (§3.2.1), and where the next field begins. */
function readLength(packet: Uint8Array, at: number): { length: number; next: number } {
  const first = packet[at];
  if (first === undefined) throw invalid(`${packet.length} bytes end inside a frame length`);
  if (first < 252) return { length: first, next: at + 1 };
  const second = packet[at + 1];
  if (second === undefined) throw invalid(`${packet.length} bytes end inside a frame length`);
  return { length: second * 4 + first, next: at + 2 };
}

function checkFrame(bytes: number): void {
  if (bytes < 0) throw invalid("its frames are longer than the packet");
  if (bytes > MAX_FRAME_BYTES) throw invalid(`a frame of ${bytes} bytes exceeds ${MAX_FRAME_BYTES}`);
}

/**
 * Checks frame count and lengths.
 * @returns how much audio the packet holds, in ms
 * @throws AloudError `audio_packet_invalid`
 */
export function opusPacketMs(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw invalid("it is empty");
  const ms = frameMs(toc);
  const body = packet.length - 1;
  switch (toc & 3) {
    case 0:
      checkFrame(body);
      return ms;
    case 1:
      if (body % 2 !== 0) throw invalid(`two equal frames cannot share ${body} bytes`);
      checkFrame(body / 2);
      return 2 * ms;
    case 2: {
      const { length, next } = readLength(packet, 1);
      checkFrame(length);
      checkFrame(packet.length - next - length);
      return 2 * ms;
    }
    default:
      return manyFrames(packet, ms);
  }
}

/** Code 3 (§3.2.5): a frame count byte, padding, then frames of equal or stated lengths. */
function manyFrames(packet: Uint8Array, ms: number): number {
  const head = packet[1];
  if (head === undefined) throw invalid("its frame count is missing");
  const count = head & 0x3f;
  if (count === 0) throw invalid("it holds no frame");
  if (count * ms > MAX_PACKET_MS) throw invalid(`${count * ms} ms exceed ${MAX_PACKET_MS} ms`);
  let at = 2;
  let padding = 0;
  if (head & 0x40) {
    let more = 255;
    while (more === 255) {
      const byte = packet[at++];
      if (byte === undefined) throw invalid("it ends inside its padding length");
      more = byte;
      padding += byte === 255 ? 254 : byte;
    }
  }
  if (head & 0x80) {
    let known = 0;
    for (let frame = 1; frame < count; frame++) {
      const { length, next } = readLength(packet, at);
      checkFrame(length);
      known += length;
      at = next;
    }
    checkFrame(packet.length - at - padding - known);
  } else {
    const body = packet.length - at - padding;
    if (body < 0 || body % count !== 0) throw invalid(`${count} equal frames cannot share ${body} bytes`);
    checkFrame(body / count);
  }
  return count * ms;
}
