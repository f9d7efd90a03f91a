/** A recording as Opus packets, ready to be sent: read from a WAV or an Ogg Opus file. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { OpusDecoder } from "opus-decoder";
import { opusPacketMs } from "../../audio/opus-packet.ts";
import { resample } from "../../audio/resample.ts";
import { UsageError } from "../usage-error.ts";
import { CLOCK_HZ, openEncoder, PACKET_SAMPLES } from "./encoder.ts";
import { isOgg, type OggOpus, parseOggOpus } from "./ogg-opus.ts";
import { isWav, parseWav } from "./wav.ts";

export interface TimedPacket {
  readonly packet: Uint8Array;
  /** How long it sounds, in 48 kHz samples. */
  readonly samples48k: number;
}

/** Longer packets would make the voice detector wait for them. */
const MAX_PASSED_PACKET_MS = 60;

/** Reads a file, or standard input for `-`. @throws UsageError when it is missing or no audio that we read */
export async function readClip(path: string): Promise<readonly TimedPacket[]> {
  return packetsOf(await readBytes(path)).catch((error: unknown) => {
    throw error instanceof UsageError ? new UsageError(`${path}: ${error.message}`, error.hint) : error;
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return path === "-" ? await buffer(process.stdin) : await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw new UsageError(`${path}: no such file`);
    if (code === "EISDIR") throw new UsageError(`${path}: is a directory; name a WAV or Ogg Opus file`);
    if (code === "EACCES") throw new UsageError(`${path}: may not be read`);
    throw error;
  }
}

async function packetsOf(bytes: Uint8Array): Promise<readonly TimedPacket[]> {
  if (isWav(bytes)) {
    const { samples, sampleRateHz } = parseWav(bytes);
    return encode(resample(samples, sampleRateHz, CLOCK_HZ));
  }
  if (isOgg(bytes)) return fromOgg(parseOggOpus(bytes));
  throw new UsageError("not a WAV or Ogg Opus file", "convert it first, for example: ffmpeg -i IN -c:a libopus -b:a 24k OUT.opus");
}

/** Cuts into 20 ms packets; the last one is filled up with silence. @param samples mono at 48 kHz */
export async function encode(samples: Float32Array): Promise<readonly TimedPacket[]> {
  const encoder = await openEncoder();
  try {
    const packets: TimedPacket[] = [];
    for (let at = 0; at < samples.length; at += PACKET_SAMPLES) {
      const frame = new Float32Array(PACKET_SAMPLES);
      frame.set(samples.subarray(at, at + PACKET_SAMPLES));
      packets.push({ packet: encoder.encode(frame), samples48k: PACKET_SAMPLES });
    }
    return packets;
  } finally {
    encoder.close();
  }
}

/** Packets are passed on as they are where the gateway would take them from a microphone; anything else is encoded anew. */
async function fromOgg(file: OggOpus): Promise<readonly TimedPacket[]> {
  const timed = file.packets.map((packet) => ({ packet, samples48k: (opusPacketMs(packet) * CLOCK_HZ) / 1_000 }));
  const longest = (MAX_PASSED_PACKET_MS * CLOCK_HZ) / 1_000;
  if (file.channels === 1 && timed.every(({ samples48k }) => samples48k <= longest)) return timed;
  if (file.channels > 2) throw new UsageError(`the Opus file has ${file.channels} channels; one or two are needed`);
  const decoder = new OpusDecoder({ channels: 1, preSkip: file.preSkip48k });
  await decoder.ready;
  try {
    const [samples = new Float32Array(0)] = decoder.decodeFrames([...file.packets]).channelData;
    return encode(samples);
  } finally {
    decoder.free();
  }
}
