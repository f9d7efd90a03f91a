/**
 * The open turn's audio as content parts: the server hears a part as a whole and never again, so what is cut off stays cut. A part ends
 * at the quietest 20 ms of its last 400 ms; where that is depends on the samples alone, not on how they came in.
 *
 * When the speaker pauses, what fills no part yet is one for the time being, so that it can be prefilled while nobody knows whether the turn is over.
 * Silence that goes on says nothing new and does not change that part; speech does.
 */
import { SAMPLE_RATE_HZ } from "../engine.ts";

const FRAME = SAMPLE_RATE_HZ / 50;
const SEARCHED_FRAMES = 20;
/**
 * A pause is so many quiet frames in a row: 80 ms. Of the silence after which the gateway asks for an answer, 96 ms are told to the engine; most stops within
 * words are shorter.
 */
const PAUSE_FRAMES = 4;
/** Quiet is 25 dB below the loudest frame of this part and the one before. In louder surroundings no pause is found. */
const QUIET = 10 ** -2.5;
/** A last part that is shorter is padded with silence: servers refuse 20 ms as too short. */
const MIN_PART = SAMPLE_RATE_HZ / 5;

export interface AudioPart {
  /** A whole WAV file, base64. */
  readonly data: string;
  readonly samples: number;
}

/** How loud it was up to a moment. */
interface Loudness {
  readonly loudest: number;
  /** Quiet frames in a row. */
  readonly quiet: number;
}

/** Immutable: a checkpoint is a reference. */
export interface TurnAudio {
  readonly parts: readonly AudioPart[];
  /** What is not a full part yet. */
  readonly rest: Float32Array;
  /** The energy of each whole frame of `rest`. */
  readonly frames: readonly number[];
  /** Where `rest` begins. */
  readonly before: Loudness;
  /** Set while the speaker pauses. Without `part` nothing was said since the last full one. */
  readonly pause: { readonly part: AudioPart | undefined } | undefined;
}

export const NO_AUDIO: TurnAudio = { parts: [], rest: new Float32Array(0), frames: [], before: { loudest: 0, quiet: 0 }, pause: undefined };

export function addAudio(audio: TurnAudio, samples: Float32Array, partSamples: number): TurnAudio {
  let rest = new Float32Array(audio.rest.length + samples.length);
  rest.set(audio.rest);
  rest.set(samples, audio.rest.length);
  let { parts, before } = audio;
  let frames = [...audio.frames];
  for (let n = frames.length; (n + 1) * FRAME <= rest.length; n += 1) frames.push(energyOf(rest.subarray(n * FRAME, (n + 1) * FRAME)));
  while (rest.length >= partSamples) {
    const full = Math.floor(partSamples / FRAME);
    const cut = quietestCut(frames.slice(0, full));
    parts = [...parts, toPart(rest.subarray(0, cut * FRAME))];
    before = loudness(frames.slice(0, cut), { loudest: 0, quiet: before.quiet });
    rest = rest.slice(cut * FRAME);
    frames = frames.slice(cut);
  }
  const { quiet } = loudness(frames, before);
  if (quiet < PAUSE_FRAMES) return { parts, rest, frames, before, pause: undefined };
  if (audio.pause !== undefined && parts === audio.parts && quiet >= PAUSE_FRAMES + frames.length - audio.frames.length) {
    return { parts, rest, frames, before, pause: audio.pause };
  }
  const part = quiet >= frames.length ? undefined : toPart(rest.subarray(0, FRAME * (frames.length - quiet + PAUSE_FRAMES)));
  return { parts, rest, frames, before, pause: { part } };
}

/** What goes into a prompt as it is unless the speaker goes on: full parts and, in a pause, what follows them. */
export function settledParts({ parts, pause }: TurnAudio): readonly AudioPart[] {
  return pause?.part === undefined ? parts : [...parts, pause.part];
}

/** All that was said, the rest as a last part. */
export function wholeParts(audio: TurnAudio): readonly AudioPart[] {
  return audio.pause !== undefined || audio.rest.length === 0 ? settledParts(audio) : [...audio.parts, toPart(audio.rest)];
}

export function samplesOf({ parts, rest }: TurnAudio): number {
  return parts.reduce((sum, part) => sum + part.samples, rest.length);
}

/** @returns in frames; of equally quiet places the last */
function quietestCut(frames: readonly number[]): number {
  const searched = frames.slice(-SEARCHED_FRAMES);
  return frames.length - searched.length + 1 + searched.lastIndexOf(Math.min(...searched));
}

function loudness(frames: readonly number[], before: Loudness): Loudness {
  let { loudest, quiet } = before;
  for (const energy of frames) {
    loudest = Math.max(loudest, energy);
    quiet = energy <= loudest * QUIET ? quiet + 1 : 0;
  }
  return { loudest, quiet };
}

function energyOf(frame: Float32Array): number {
  let energy = 0;
  for (const sample of frame) energy += sample * sample;
  return energy;
}

function toPart(samples: Float32Array): AudioPart {
  const padded = new Float32Array(Math.max(samples.length, MIN_PART));
  padded.set(samples);
  return { data: toWav(padded).toString("base64"), samples: padded.length };
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
