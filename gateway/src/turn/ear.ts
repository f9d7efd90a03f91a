/**
 * Where scored audio goes: to the VAD's segmenter always, to the model while a turn is open, into the held-back queue while
 * the speaker pauses, and into the pre-roll in any case. Audio time here is in samples at 16 kHz since the session began.
 */
import type { TurnDetection } from "@aloud/client/protocol";
import type { ScoredWindow } from "../audio/intake.ts";
import { Preroll } from "../audio/preroll.ts";
import type { Clock } from "../clock.ts";
import { CONFIRM_WINDOWS, RESUME_WINDOWS, Segmenter, type Signal } from "../vad/segmenter.ts";
import { WINDOW_SAMPLES } from "../vad/window.ts";
import type { Turn, TurnEvent } from "./turn.ts";

const SAMPLES_PER_MS = 16;
const DEFAULT_PADDING_MS = 300;
const DEFAULT_THRESHOLD = 0.5;
/** On top of the padding: what passes between the first window of speech and its confirmation. */
const CONFIRM_SAMPLES = (CONFIRM_WINDOWS + 2) * WINDOW_SAMPLES;

export interface EarOptions {
  readonly clock: Clock;
  /** The turn as it is now. */
  readonly turn: () => Turn;
  readonly dispatch: (event: TurnEvent) => void;
  /** Takes audio into the open turn, in order and each sample once. */
  readonly hear: (samples: Float32Array) => void;
}

export class Ear {
  readonly #options: EarOptions;
  readonly #segmenter: Segmenter;
  #threshold = DEFAULT_THRESHOLD;
  #paddingMs = DEFAULT_PADDING_MS;
  #preroll = new Preroll(DEFAULT_PADDING_MS * SAMPLES_PER_MS + CONFIRM_SAMPLES);
  /** Silence of a pause, or the beginning of what follows it. Bounded by the endpoint, which comes first. */
  #held: Float32Array[] = [];
  /** Everything before this sample has been heard already. */
  #heardUntil = 0;
  #lastSpeechAt = 0;

  constructor(options: EarOptions) {
    this.#options = options;
    this.#segmenter = new Segmenter(DEFAULT_THRESHOLD, () => {
      const { phase } = options.turn();
      return phase === "listening" || phase === "pausing" ? RESUME_WINDOWS : CONFIRM_WINDOWS;
    });
  }

  configure(detection: TurnDetection): void {
    const isServerVad = detection.type === "server_vad";
    this.#threshold = isServerVad ? detection.threshold : DEFAULT_THRESHOLD;
    this.#paddingMs = isServerVad ? detection.prefix_padding_ms : DEFAULT_PADDING_MS;
    this.#segmenter.setThreshold(this.#threshold);
    this.#preroll = new Preroll(this.#paddingMs * SAMPLES_PER_MS + CONFIRM_SAMPLES);
  }

  /** Takes the next window. Calls must not overlap. */
  async take(window: ScoredWindow): Promise<void> {
    const { dispatch, clock } = this.#options;
    this.#preroll.push(window.start, window.samples);
    if (window.probability === undefined) {
      this.#segmenter.end();
      dispatch({ type: "vad-lost", at: clock.now() });
      return;
    }
    if (window.probability >= this.#threshold) this.#lastSpeechAt = window.arrivedAt;
    const signal = await this.#segmenter.push(window.probability, window.start);
    if (signal !== undefined) dispatch(this.#event(signal));
    this.#route(window);
    const audioMs = (window.start + window.samples.length) / SAMPLES_PER_MS;
    dispatch({ type: "audio-passed", at: clock.now(), audioMs });
  }

  /** Where a turn begins whose speech began at `startMs`: the padding before it, but nothing that was heard already. */
  beginMs(startMs: number): number {
    return Math.max(startMs - this.#paddingMs, this.#heardUntil / SAMPLES_PER_MS, 0);
  }

  /** A turn begins: hears the pre-roll from `beginMs` on. */
  open(beginMs: number): void {
    this.#held = [];
    const begin = Math.round(beginMs * SAMPLES_PER_MS);
    for (const samples of this.#preroll.since(begin)) this.#options.hear(samples);
    this.#heardUntil = Math.max(this.#heardUntil, this.#preroll.end());
  }

  /** The last moments of the silence that nobody has heard yet; they count as heard from now on. */
  takeSilence(): Float32Array[] {
    this.#held = [];
    const silence = this.#preroll.since(this.#heardUntil);
    this.#heardUntil = Math.max(this.#heardUntil, this.#preroll.end());
    return silence;
  }

  /** The pause was none: hears what was held back. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const samples of held) this.#options.hear(samples);
  }

  dropHeld(): void {
    this.#held = [];
  }

  /** Ends the utterance that is running without a word about it. */
  cut(): void {
    this.#segmenter.end();
  }

  #event(signal: Signal): TurnEvent {
    const at = this.#options.clock.now();
    if (signal.type === "speech-started") return { type: "speech-started", at, startMs: signal.start / SAMPLES_PER_MS };
    const voice = { windows: signal.speechWindows, probabilitySum: signal.speechWindows * signal.confidence };
    return { type: "speech-stopped", at, endMs: signal.end / SAMPLES_PER_MS, endAt: this.#lastSpeechAt, voice };
  }

  #route({ start, samples }: ScoredWindow): void {
    const turn = this.#options.turn();
    const open = turn.phase === "answering" ? turn.next : turn;
    if (start < this.#heardUntil || open === undefined || open.phase === "idle") return;
    if (open.phase === "pausing" && (open.endpoint.state === "passed" || open.audio === "held")) {
      if (open.endpoint.state === "ahead") this.#held.push(samples);
      return;
    }
    this.#options.hear(samples);
    this.#heardUntil = start + samples.length;
  }
}
