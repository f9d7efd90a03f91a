/**
 * One session's Opus stream to 16 kHz PCM. Keeps the audio clock true: what the client did not send (silence it skipped,
 * packets lost on its side) shows as a jump in capture time and is filled, because every time the session reports is counted in samples.
 */
import { AloudError, type AudioPacket } from "@aloud/client/protocol";
import { MAX_CONCEAL_MS, MAX_GAP_MS } from "../limits.ts";
import type { PacketDecoder } from "./decoder-pool.ts";
import { opusPacketMs } from "./opus-packet.ts";

const SAMPLES_PER_MS = 16;
/** RTP's clock for Opus. */
const TICKS_PER_MS = 48;
/** Capture clocks and packet sizes disagree by a little; only more than this is a gap. */
const GAP_TOLERANCE_MS = 10;

interface Position {
  /** Capture time at which the next packet is due, 48 kHz, u32. */
  readonly due48k: number;
  /** TOC byte of the last good packet; alone in a packet it makes the decoder conceal that packet's duration. */
  readonly toc: number;
  readonly packetMs: number;
}

export class OpusStream {
  readonly #decoder: PacketDecoder;
  #position: Position | undefined;

  /** Takes the decoder over. */
  constructor(decoder: PacketDecoder) {
    this.#decoder = decoder;
  }

  /**
   * Decodes one packet.
   * @param captureTime48k absent when the packet came without header: then it follows the last one
   * @returns 16 kHz mono, gap first; the caller's to keep
   * @throws AloudError `audio_packet_invalid`
   */
  decode({ packet, captureTime48k }: { packet: Uint8Array; captureTime48k?: AudioPacket["captureTime48k"] }): Float32Array[] {
    const packetMs = opusPacketMs(packet);
    const time = captureTime48k ?? this.#position?.due48k ?? 0;
    const gap = this.#fillGap(time);
    const samples = this.#decoder.decode(packet);
    this.#position = { due48k: (time + packetMs * TICKS_PER_MS) >>> 0, toc: packet[0] ?? 0, packetMs };
    if (samples === undefined) {
      // Its time passed all the same.
      throw new AloudError("audio_packet_invalid", `Opus packet of ${packet.length} bytes: the decoder finds it corrupt`);
    }
    return [...gap, samples];
  }

  close(): void {
    this.#decoder.free();
  }

  #fillGap(time: number): Float32Array[] {
    if (this.#position === undefined) return [];
    const { due48k, toc, packetMs } = this.#position;
    // Signed difference on the u32 circle: a client's clock that went back is no gap.
    const gapMs = ((time - due48k) | 0) / TICKS_PER_MS;
    if (gapMs <= GAP_TOLERANCE_MS) return [];
    const missingMs = Math.min(gapMs, MAX_GAP_MS);
    const filled: Float32Array[] = [];
    let filledMs = 0;
    while (filledMs + packetMs <= Math.min(missingMs, MAX_CONCEAL_MS)) {
      // Code 0: one frame. A bare TOC is a packet that holds no bytes of it.
      const concealed = this.#decoder.decode(Uint8Array.of(toc & 0xfc));
      if (concealed === undefined || concealed.length === 0) break;
      filled.push(concealed);
      filledMs += concealed.length / SAMPLES_PER_MS;
    }
    const silence = Math.round((missingMs - filledMs) * SAMPLES_PER_MS);
    if (silence > 0) filled.push(new Float32Array(silence));
    return filled;
  }
}
