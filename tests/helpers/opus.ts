/** Raw Opus packets of 20 ms for tests. */
import { createEncoder } from "libopus-wasm";

const FRAME_SAMPLES = 320;

/** Encodes 16 kHz mono; the last packet is filled up with silence. */
export async function opusPackets(samples: Float32Array, bitrate = 24_000): Promise<Uint8Array[]> {
  const encoder = await createEncoder({ sampleRate: 16_000, channels: 1, application: 2_048, bitrate, frameSize: FRAME_SAMPLES });
  const packets: Uint8Array[] = [];
  for (let at = 0; at < samples.length; at += FRAME_SAMPLES) {
    const frame = new Float32Array(FRAME_SAMPLES);
    frame.set(samples.subarray(at, at + FRAME_SAMPLES));
    packets.push(encoder.encodeFloat(frame).slice());
  }
  encoder.free();
  return packets;
}
