/** The evaluation clips that `python -m aloud_nano.evalsets` writes (engine/training): an index and one file of PCM. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** One turn; the fields are those of `Clip` in evalsets.py. */
export interface Clip {
  readonly id: string;
  readonly set: string;
  /** In samples. Of a typed turn `samples` is 0. */
  readonly offset: number;
  readonly samples: number;
  readonly text: string;
  readonly answer: string | null;
  readonly call: string;
  readonly intent: string;
  readonly voice: string;
  readonly family: string;
  readonly noise: string;
  readonly steps: readonly string[];
  readonly question: string | null;
  readonly group: string;
  readonly conversation: string;
  readonly turn: number;
  readonly tools: readonly string[];
  /** What the app's tool gives back. */
  readonly result: string | null;
  readonly finished: boolean;
}

export interface Clips {
  readonly clips: readonly Clip[];
  /** −1 … 1 at 16 kHz. */
  audio(clip: Clip): Float32Array;
  close(): void;
}

export function openClips(directory: string): Clips {
  const clips = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")) as readonly Clip[];
  const file = openSync(join(directory, "clips.i16"), "r");
  return {
    clips,
    audio(clip) {
      const pcm = new Int16Array(clip.samples);
      readSync(file, pcm, 0, pcm.byteLength, clip.offset * 2);
      return Float32Array.from(pcm, (value) => value / 32_767);
    },
    close: () => closeSync(file),
  };
}
