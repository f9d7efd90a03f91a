/**
 * The binary message of `aloud.v1`: an 8-byte header and one raw Opus packet.
 *
 *     0               4               8
 *     | u32 seq (BE)  | u32 time (BE) | Opus packet (1 … 3,828 bytes)
 *
 * `seq` counts packets of the session from 0 and never restarts with a socket. `time` is the capture time of the first
 * sample in 48 kHz samples (RTP's clock for Opus, RFC 7587), modulo 2^32; a packet that was never sent (silence the
 * client skipped) shows as a jump in `time` without a jump in `seq`.
 */
import { AloudError } from "./errors.ts";

export const AUDIO_HEADER_BYTES = 8;
/** Three frames of the 1,275 bytes that RFC 6716 §3.4 allows, with their length bytes: far above any speech bitrate, below the decoder's input buffer (3,840 bytes). */
export const MAX_PACKET_BYTES = 3_828;

export interface AudioPacket {
  /** Position in the session's packet stream, u32. */
  readonly seq: number;
  /** Capture time of the first sample, in 48 kHz samples, u32. */
  readonly captureTime48k: number;
  /** One raw Opus packet; a view into the received message, valid as long as the message is. */
  readonly packet: Uint8Array;
}

/** Writes header and packet into a new buffer. */
export function encodeAudioPacket({ seq, captureTime48k, packet }: AudioPacket): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(AUDIO_HEADER_BYTES + packet.byteLength);
  const view = new DataView(message.buffer);
  view.setUint32(0, seq >>> 0);
  view.setUint32(4, captureTime48k >>> 0);
  message.set(packet, AUDIO_HEADER_BYTES);
  return message;
}

/** @throws AloudError `audio_packet_invalid` when the message is too short or too long to be a header and a packet. */
export function decodeAudioPacket(message: Uint8Array): AudioPacket {
  const packetBytes = message.byteLength - AUDIO_HEADER_BYTES;
  if (packetBytes < 1 || packetBytes > MAX_PACKET_BYTES) {
    throw new AloudError(
      "audio_packet_invalid",
      `binary message of ${message.byteLength} bytes: expected an ${AUDIO_HEADER_BYTES}-byte header and a packet of 1 to ${MAX_PACKET_BYTES} bytes`,
    );
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return { seq: view.getUint32(0), captureTime48k: view.getUint32(4), packet: message.subarray(AUDIO_HEADER_BYTES) };
}
