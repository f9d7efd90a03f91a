/**
 * From speech probabilities to utterances of one session: vad-node's FrameProcessor, with a confirmation on top.
 * A clap or a chord is over the threshold for a window or two; speech stays. So an utterance is reported only once enough of
 * its windows were speech, dated back to its first one.
 */
// Not the package's index, which would load the ONNX runtime into the gateway's own thread.
import { FrameProcessor } from "@ricky0123/vad-node/dist/_common/frame-processor.js";
import { Message } from "@ricky0123/vad-node/dist/_common/messages.js";
import { WINDOW_SAMPLES } from "./window.ts";

/** Windows of speech (32 ms each) before an utterance counts, when nobody spoke before: 192 ms. */
export const CONFIRM_WINDOWS = 6;
/** The same while a turn is open: who has just spoken and goes on needs less proof. */
export const RESUME_WINDOWS = 2;
/** Windows of silence after which the voice has paused: 128 ms. The turn's own silence comes on top (turn/reduce). */
export const PAUSE_WINDOWS = 4;
/** How far below the threshold a window must fall to count as silence; half of a threshold that is lower than twice this. */
const HYSTERESIS = 0.15;

export type Signal =
  /** `start` is the first sample of speech, on the session's audio clock at 16 kHz. */
  | { readonly type: "speech-started"; readonly start: number }
  /**
   * `end` is the sample after the last window of speech; `speechWindows` counts those over the threshold and
   * `confidence` is their mean probability.
   */
  | { readonly type: "speech-stopped"; readonly end: number; readonly speechWindows: number; readonly confidence: number };

interface Candidate {
  readonly start: number;
  readonly confirmed: boolean;
  readonly end: number;
  readonly speechWindows: number;
  readonly sum: number;
}

/** FrameProcessor keeps every frame it is given for as long as speech lasts; it is given this one, because nobody needs them. */
const NO_AUDIO = new Float32Array(0);

export class Segmenter {
  readonly #processor: FrameProcessor;
  readonly #confirmWindows: () => number;
  #threshold: number;
  #probability = 0;
  #candidate: Candidate | undefined;

  /** @param confirmWindows asked at each window how many windows of speech make an utterance now */
  constructor(threshold: number, confirmWindows: () => number) {
    this.#threshold = threshold;
    this.#confirmWindows = confirmWindows;
    this.#processor = new FrameProcessor(
      async () => ({ isSpeech: this.#probability, notSpeech: 1 - this.#probability }),
      () => {},
      {
        ...thresholds(threshold),
        frameSamples: WINDOW_SAMPLES,
        redemptionFrames: PAUSE_WINDOWS,
        preSpeechPadFrames: 0,
        minSpeechFrames: 1,
        submitUserSpeechOnPause: false,
      },
    );
    this.#processor.resume();
  }

  setThreshold(threshold: number): void {
    this.#threshold = threshold;
    Object.assign(this.#processor.options, thresholds(threshold));
  }

  /**
   * Takes the score of the window that begins at `start`. Calls must not overlap: await one before the next.
   * @returns what it changed, if anything
   */
  async push(probability: number, start: number): Promise<Signal | undefined> {
    this.#probability = probability;
    const { msg } = await this.#processor.process(NO_AUDIO);
    const isSpeech = probability >= this.#threshold;
    const end = start + WINDOW_SAMPLES;
    if (msg === Message.SpeechStart) this.#candidate = { start, confirmed: false, end, speechWindows: 0, sum: 0 };
    const candidate = this.#candidate;
    if (candidate === undefined) return undefined;
    if (msg === Message.SpeechEnd || msg === Message.VADMisfire) return this.#endCandidate(candidate);
    if (!isSpeech) return undefined;
    const grown = { ...candidate, end, speechWindows: candidate.speechWindows + 1, sum: candidate.sum + probability };
    const confirmed = candidate.confirmed || grown.speechWindows >= this.#confirmWindows();
    this.#candidate = { ...grown, confirmed };
    return confirmed && !candidate.confirmed ? { type: "speech-started", start: candidate.start } : undefined;
  }

  /** Ends the utterance that is running, if one is: the turn was cut at a cap, or the input changed. */
  end(): Signal | undefined {
    this.#processor.endSegment();
    return this.#candidate && this.#endCandidate(this.#candidate);
  }

  #endCandidate({ confirmed, end, speechWindows, sum }: Candidate): Signal | undefined {
    this.#candidate = undefined;
    return confirmed ? { type: "speech-stopped", end, speechWindows, confidence: sum / speechWindows } : undefined;
  }
}

function thresholds(threshold: number) {
  return { positiveSpeechThreshold: threshold, negativeSpeechThreshold: Math.max(threshold / 2, threshold - HYSTERESIS) };
}
