/** libopus as a microphone of ours would use it: 20 ms packets of mono speech at 24 kbit/s, no DTX. */
import { Application, createEncoder, Signal } from "libopus-wasm";

export const CLOCK_HZ = 48_000;
export const PACKET_SAMPLES = 960;

export interface PacketEncoder {
  /** @param frame 960 samples at 48 kHz, −1 … 1 */
  encode(frame: Float32Array): Uint8Array;
  close(): void;
}

export async function openEncoder(): Promise<PacketEncoder> {
  const encoder = await createEncoder({
    sampleRate: CLOCK_HZ,
    channels: 1,
    application: Application.Voip,
    signal: Signal.Voice,
    bitrate: 24_000,
    frameSize: PACKET_SAMPLES,
    dtx: false,
  });
  // The encoder hands out a view into its own memory, which the next call overwrites.
  return { encode: (frame) => encoder.encodeFloat(frame).slice(), close: () => encoder.free() };
}
