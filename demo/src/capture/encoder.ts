/** Frames to what goes over the wire: Opus where the browser can encode it, PCM16 at 24 kHz where not (Firefox on Android). */
import type { Connection } from "@aloud/client";
import { CLOCK_HZ, FRAME_SAMPLES } from "./framer.ts";

export interface Encoder {
  /** @param frame 960 samples at 48 kHz */
  push(frame: Float32Array<ArrayBuffer>): void;
  /** Resolves once everything pushed has been sent. */
  flush(): Promise<void>;
  close(): void;
}

export type Codec = "opus" | "pcm";

/** No DTX: Chromium's drops silent packets *and* closes the gaps in their times, so that the server would hear pauses cut out. */
const OPUS = {
  codec: "opus",
  sampleRate: CLOCK_HZ,
  numberOfChannels: 1,
  bitrate: 24_000,
  opus: { application: "voip", signal: "voice", frameDuration: 20_000, complexity: 5, usedtx: false, useinbandfec: false },
} as const;

export async function bestCodec(): Promise<Codec> {
  try {
    return typeof AudioEncoder !== "undefined" && (await AudioEncoder.isConfigSupported(OPUS)).supported ? "opus" : "pcm";
  } catch {
    return "pcm";
  }
}

/** @param clock counts the session's 48 kHz samples, over all encoders of a connection */
export function createEncoder(codec: Codec, connection: Connection, clock: { samples48k: number }): Encoder {
  return codec === "opus" ? opusEncoder(connection, clock) : pcmEncoder(connection);
}

function opusEncoder(connection: Connection, clock: { samples48k: number }): Encoder {
  let pushed = 0;
  const encoder = new AudioEncoder({
    output: (chunk) => {
      const packet = new Uint8Array(chunk.byteLength);
      chunk.copyTo(packet);
      connection.sendAudio(packet, clock.samples48k >>> 0);
      clock.samples48k += FRAME_SAMPLES;
    },
    error: () => {},
  });
  encoder.configure(OPUS);
  return {
    push(frame) {
      if (encoder.state !== "configured") return;
      const timestamp = (pushed++ * 1_000_000 * FRAME_SAMPLES) / CLOCK_HZ;
      const data = new AudioData({
        format: "f32",
        sampleRate: CLOCK_HZ,
        numberOfFrames: frame.length,
        numberOfChannels: 1,
        timestamp,
        data: frame,
      });
      encoder.encode(data);
      data.close();
    },
    async flush() {
      if (encoder.state === "configured") await encoder.flush();
    },
    close() {
      if (encoder.state !== "closed") encoder.close();
    },
  };
}

function pcmEncoder(connection: Connection): Encoder {
  return {
    push: (frame) => connection.send({ type: "input_audio_buffer.append", audio: base64(halved(frame)) }),
    flush: async () => {},
    close: () => {},
  };
}

/** 48 to 24 kHz, and to 16-bit integers. Averaging pairs is filter enough for speech. */
function halved(frame: Float32Array): Uint8Array {
  const bytes = new Uint8Array(frame.length);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < frame.length / 2; index++) {
    const sample = ((frame[2 * index] ?? 0) + (frame[2 * index + 1] ?? 0)) / 2;
    view.setInt16(2 * index, Math.max(-1, Math.min(1, sample)) * 0x7fff, true);
  }
  return bytes;
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
