/**
 * The open turn's audio as content parts: the server hears a part as a whole and never again, so what is cut off stays cut. A part ends
 * at the quietest 20 ms of its last 400 ms; where that is depends on the samples alone, not on how they came in.
 */
import { SAMPLE_RATE_HZ } from "../engine.ts";

const FRAME = SAMPLE_RATE_HZ / 50;
const SEARCHED_FRAMES = 20;
/** A last part that is shorter is padded with silence: servers refuse 20 ms as too short. */
const MIN_PART = SAMPLE_RATE_HZ / 5;

export interface AudioPart {
  /** A whole WAV file, base64. */
  readonly data: string;
  readonly samples: number;
}

/** Immutable: a checkpoint is a reference. */
export interface TurnAudio {
  readonly parts: readonly AudioPart[];
  /** What is not a full part yet. */
  readonly rest: Float32Array;
}

export const NO_AUDIO: TurnAudio = { parts: [], rest: new Float32Array(0) };

export function addAudio(audio: TurnAudio, samples: Float32Array, partSamples: number): TurnAudio {
  const joined = new Float32Array(audio.rest.length + samples.length);
  joined.set(audio.rest);
  joined.set(samples, audio.rest.length);
  const parts = [...audio.parts];
  let from = 0;
  while (joined.length - from >= partSamples) {
    const to = from + quietestCut(joined.subarray(from, from + partSamples));
    parts.push(toPart(joined.subarray(from, to)));
    from = to;
  }
  return { parts, rest: joined.slice(from) };
}

/** All of it, the rest as a last part. */
export function wholeParts({ parts, rest }: TurnAudio): readonly AudioPart[] {
  if (rest.length === 0) return parts;
  const padded = new Float32Array(Math.max(rest.length, MIN_PART));
  padded.set(rest);
  return [...parts, toPart(padded)];
}

export function samplesOf({ parts, rest }: TurnAudio): number {
  return parts.reduce((sum, part) => sum + part.samples, rest.length);
}

function quietestCut(part: Float32Array): number {
  let best = part.length;
  let least = Number.POSITIVE_INFINITY;
  for (let back = 0; back < SEARCHED_FRAMES; back += 1) {
    const end = part.length - back * FRAME;
    let energy = 0;
    for (const sample of part.subarray(end - FRAME, end)) energy += sample * sample;
    if (energy < least) {
      least = energy;
      best = end;
    }
  }
  return best;
}

function toPart(samples: Float32Array): AudioPart {
  return { data: toWav(samples).toString("base64"), samples: samples.length };
}

/** 16 kHz, mono, 16 bits: the one form that every server reads without further libraries. */
export function toWav(samples: Float32Array): Buffer {
  const wav = Buffer.alloc(44 + 2 * samples.length);
  wav.write("RIFF", 0, "latin1");
  wav.writeUInt32LE(36 + 2 * samples.length, 4);
  wav.write("WAVEfmt ", 8, "latin1");
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  wav.writeUInt32LE(2 * SAMPLE_RATE_HZ, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36, "latin1");
  wav.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((sample, n) => {
    wav.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767))), 44 + 2 * n);
  });
  return wav;
}
