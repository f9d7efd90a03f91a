/** Ogg Opus (RFC 3533, RFC 7845): pages to packets. One logical stream, the first; page checksums are not verified. */
import { UsageError } from "../usage-error.ts";

export interface OggOpus {
  readonly channels: number;
  /** Samples at 48 kHz that a player drops at the start. */
  readonly preSkip48k: number;
  readonly packets: readonly Uint8Array[];
}

const HEADER_BYTES = 27;
const CONTINUED = 1;
/** An hour of 20 ms packets; a longer file is not something to talk with. */
const MAX_PACKETS = 180_000;

export function isOgg(bytes: Uint8Array): boolean {
  return matches(bytes, 0, "OggS");
}

/** @throws UsageError when it is not Opus, or cut short before its first audio packet */
export function parseOggOpus(bytes: Uint8Array): OggOpus {
  const [head, tags, ...packets] = packetsOf(bytes);
  if (head === undefined || !matches(head, 0, "OpusHead") || head.length < 19)
    throw new UsageError("the Ogg file holds no Opus stream", "convert it first, for example: opusenc IN.wav OUT.opus");
  if (tags === undefined || packets.length === 0) throw new UsageError("the Opus file has no audio in it");
  return { channels: head[9] ?? 1, preSkip48k: (head[10] ?? 0) | ((head[11] ?? 0) << 8), packets };
}

function matches(bytes: Uint8Array, at: number, text: string): boolean {
  return [...text].every((char, index) => bytes[at + index] === char.charCodeAt(0));
}

function packetsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let stream: number | undefined;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    if (!matches(bytes, at, "OggS")) throw new UsageError(`the Ogg file is damaged at byte ${at}`);
    const serial = view.getUint32(at + 14, true);
    stream ??= serial;
    const segments = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + (bytes[at + 26] ?? 0));
    let from = at + HEADER_BYTES + segments.length;
    // A page that does not continue the packet begun before it means that packet is lost.
    if (((bytes[at + 5] ?? 0) & CONTINUED) === 0) parts = [];
    for (const length of segments) {
      if (serial === stream) {
        parts.push(bytes.subarray(from, from + length));
        // A lacing value below 255 ends a packet.
        if (length < 255) {
          packets.push(joined(parts));
          parts = [];
        }
      }
      from += length;
    }
    if (packets.length > MAX_PACKETS) throw new UsageError("the Opus file is longer than an hour");
    at = from;
  }
  return packets;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
