/** RIFF/WAVE: integer PCM of 8 to 32 bits and float of 32 or 64, any rate, any number of channels (mixed down). */
import { UsageError } from "../usage-error.ts";

export interface Pcm {
  readonly sampleRateHz: number;
  /** Mono, −1 … 1. */
  readonly samples: Float32Array;
}

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_EXTENSIBLE = 0xfffe;

interface Format {
  readonly kind: number;
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly bits: number;
}

export function isWav(bytes: Uint8Array): boolean {
  return bytes.length >= 12 && ascii(bytes, 0) === "RIFF" && ascii(bytes, 8) === "WAVE";
}

/** @throws UsageError when the file is cut short or in a coding that is not PCM */
export function parseWav(bytes: Uint8Array): Pcm {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = ascii(bytes, at);
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (id === "fmt ") format = readFormat(view, body, size);
    if (id === "data") {
      if (format === undefined) throw new UsageError("the WAV file has audio before it says in what format");
      // A recorder that was killed, or wrote to a pipe, leaves a size of 0 or 2^32 − 1: what is there is taken.
      const end = size === 0 ? bytes.length : Math.min(body + size, bytes.length);
      return { sampleRateHz: format.sampleRateHz, samples: readSamples(view, body, end, format) };
    }
    // Chunks are padded to an even length.
    at = body + size + (size & 1);
  }
  throw new UsageError("the WAV file has no audio in it");
}

function ascii(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function readFormat(view: DataView, at: number, size: number): Format {
  if (size < 16 || at + size > view.byteLength) throw new UsageError("the WAV file's format chunk is cut short");
  const tag = view.getUint16(at, true);
  const format = {
    kind: tag === FORMAT_EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : tag,
    channels: view.getUint16(at + 2, true),
    sampleRateHz: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
  if (readerFor(format) === undefined)
    throw new UsageError(
      `the WAV file is in coding ${format.kind} with ${format.bits} bits; PCM is needed`,
      "convert it first, for example: ffmpeg -i IN.wav -c:a pcm_s16le OUT.wav",
    );
  if (format.channels < 1 || format.sampleRateHz < 1_000 || format.sampleRateHz > 768_000)
    throw new UsageError(`the WAV file claims ${format.channels} channels at ${format.sampleRateHz} Hz`);
  return format;
}

type Reader = (view: DataView, at: number) => number;

function readerFor({ kind, bits }: Format): Reader | undefined {
  if (kind === FORMAT_FLOAT && bits === 32) return (view, at) => view.getFloat32(at, true);
  if (kind === FORMAT_FLOAT && bits === 64) return (view, at) => view.getFloat64(at, true);
  if (kind !== FORMAT_PCM) return undefined;
  if (bits === 8) return (view, at) => (view.getUint8(at) - 128) / 128;
  if (bits === 16) return (view, at) => view.getInt16(at, true) / 2 ** 15;
  if (bits === 24) return (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23;
  if (bits === 32) return (view, at) => view.getInt32(at, true) / 2 ** 31;
  return undefined;
}

function readSamples(view: DataView, start: number, end: number, format: Format): Float32Array {
  const read = readerFor(format);
  const bytesPerSample = format.bits / 8;
  const bytesPerFrame = bytesPerSample * format.channels;
  const samples = new Float32Array(Math.floor((end - start) / bytesPerFrame));
  if (read === undefined) return samples;
  for (let frame = 0; frame < samples.length; frame++) {
    let sum = 0;
    for (let channel = 0; channel < format.channels; channel++) sum += read(view, start + frame * bytesPerFrame + channel * bytesPerSample);
    samples[frame] = sum / format.channels;
  }
  return samples;
}
