/** Base64 audio, as stock Realtime clients send it: PCM16 or G.711. */
import { AloudError, type AudioFormat } from "@aloud/client/protocol";
import { decodeG711 } from "./g711.ts";

/** Sample rate of what `decodeAudio` returns, in Hz. */
export function rateOf(format: AudioFormat): number {
  return format.type === "audio/pcm" ? format.rate : 8_000;
}

/**
 * Base64 in one of the formats that need no decoder of their own.
 * @throws AloudError `invalid_value` when it is not base64 of whole samples; `unsupported_value` for Opus
 */
export function decodeAudio(base64: string, format: AudioFormat): Float32Array {
  if (format.type === "audio/pcm") return decodePcm16(base64);
  if (format.type !== "audio/opus") return decodeG711(decodeBase64(base64), format.type);
  throw new AloudError("unsupported_value", "audio: Opus is taken by input_audio_buffer.append only", { param: "audio" });
}

/**
 * Little-endian PCM16 in base64 to floats.
 * @throws AloudError `invalid_value` when it is not base64 of whole samples
 */
export function decodePcm16(base64: string): Float32Array {
  const bytes = decodeBase64(base64);
  if (bytes.length % 2 !== 0)
    throw new AloudError("invalid_value", `audio: ${bytes.length} bytes are not whole 16-bit samples`, { param: "audio" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const samples = new Float32Array(bytes.length / 2);
  for (let index = 0; index < samples.length; index++) samples[index] = view.getInt16(index * 2, true) / 32_768;
  return samples;
}

/** @throws AloudError `invalid_value`: Node would skip what is not base64, and the sound would be noise. */
export function decodeBase64(base64: string): Uint8Array {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw new AloudError("invalid_value", `audio: ${base64.length} characters are not base64`, { param: "audio" });
  return Buffer.from(base64, "base64");
}

/** Floats to PCM16 and back: half the memory for audio that is kept in case it is needed again. */
export function toPcm16(samples: Float32Array): Int16Array {
  const pcm = new Int16Array(samples.length);
  for (let index = 0; index < samples.length; index++) {
    const value = samples[index] ?? 0;
    pcm[index] = Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768)));
  }
  return pcm;
}

export function fromPcm16(pcm: Int16Array): Float32Array {
  const samples = new Float32Array(pcm.length);
  for (let index = 0; index < pcm.length; index++) samples[index] = (pcm[index] ?? 0) / 32_768;
  return samples;
}
