/** Recordings of people (tests/fixtures/voices) as the PCM16 at 24 kHz that stock clients send, each with silence behind it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OpusDecoder } from "opus-decoder";
import { parseOggOpus } from "../../gateway/src/cli/clip/ogg-opus.ts";

const RATE_HZ = 24_000;
/** Longer than the longest silence in which `semantic_vad` still waits for more. */
const SILENCE_S = 4.5;

export interface Voice {
  readonly text: string;
  readonly answer: string;
}

export function voice(file: string): Voice {
  const index = JSON.parse(readFileSync(new URL("../fixtures/voices/index.json", import.meta.url), "utf8")) as (Voice & { file: string })[];
  const found = index.find((row) => row.file === file);
  if (found === undefined) throw new Error(`${file} is not in tests/fixtures/voices/index.json`);
  return found;
}

/** Writes the recording into the directory. @returns the file's path */
export async function writeSound(file: string, directory: string): Promise<string> {
  const { packets, preSkip48k } = parseOggOpus(readFileSync(new URL(`../fixtures/voices/${file}`, import.meta.url)));
  const decoder = new OpusDecoder({ channels: 1, sampleRate: RATE_HZ, preSkip: preSkip48k });
  await decoder.ready;
  const [samples = new Float32Array(0)] = decoder.decodeFrames([...packets]).channelData;
  decoder.free();
  const pcm = new Int16Array(samples.length + SILENCE_S * RATE_HZ);
  samples.forEach((value, at) => {
    pcm[at] = Math.max(-32_768, Math.min(32_767, Math.round(value * 32_767)));
  });
  const path = join(directory, `${file}.pcm`);
  writeFileSync(path, pcm);
  return path;
}
