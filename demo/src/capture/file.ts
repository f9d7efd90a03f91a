/** An audio file of any kind that the browser can read, as 20 ms frames. */
import type { Problem } from "../problem.ts";
import { CLOCK_HZ, Framer } from "./framer.ts";

const MAX_BYTES = 25 * 1024 * 1024;
const MAX_SECONDS = 60;

export type FileAudio = { readonly frames: readonly Float32Array<ArrayBuffer>[] } | { readonly problem: Problem };

export async function framesOfFile(file: File): Promise<FileAudio> {
  if (file.size > MAX_BYTES)
    return problem("That file is too large", `It has ${Math.ceil(file.size / 2 ** 20)} MB; up to 25 MB are taken.`);
  // An offline context decodes to its own rate and needs no gesture.
  const context = new OfflineAudioContext(1, 1, CLOCK_HZ);
  let audio: AudioBuffer;
  try {
    audio = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    return problem("That file is not audio", "Choose a recording such as WAV, MP3, M4A or Opus.");
  }
  if (audio.duration > MAX_SECONDS)
    return problem("That recording is too long", `It lasts ${Math.round(audio.duration)} s; up to ${MAX_SECONDS} s are taken.`);
  const frames: Float32Array<ArrayBuffer>[] = [];
  const framer = new Framer(CLOCK_HZ);
  framer.push(mixed(audio), (frame) => frames.push(frame));
  const rest = framer.flush();
  return { frames: rest === undefined ? frames : [...frames, rest] };
}

function mixed(audio: AudioBuffer): Float32Array {
  const sum = new Float32Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    const samples = audio.getChannelData(channel);
    for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) + (samples[index] ?? 0) / audio.numberOfChannels;
  }
  return sum;
}

function problem(title: string, advice: string): FileAudio {
  return { problem: { about: "file", title, advice } };
}
