/**
 * One session's audio from the wire to scored windows: decode, bring to 16 kHz, cut into windows, have each scored by the VAD,
 * and hand them on in order. The audio clock is born here: sample 0 is the first that came.
 */
import { AloudError, type AudioFormat } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import { MAX_BACKLOG_AUDIO_MS } from "../limits.ts";
import type { Vad, VadStream } from "../vad/vad.ts";
import { WINDOW_SAMPLES } from "../vad/window.ts";
import type { DecoderPool } from "./decoder-pool.ts";
import { Framer } from "./framer.ts";
import { OpusStream } from "./opus.ts";
import { rateOf } from "./pcm.ts";
import { Resampler } from "./resample.ts";

const RATE_HZ = 16_000;
const MAX_WAITING_WINDOWS = Math.ceil((MAX_BACKLOG_AUDIO_MS * RATE_HZ) / 1_000 / WINDOW_SAMPLES);
/** Packets that wait for the first decoder, about 1 s. */
const MAX_EARLY_PACKETS = 64;

export interface ScoredWindow {
  /** First sample on the session's audio clock. */
  readonly start: number;
  readonly samples: Float32Array;
  /** When its last sample arrived, on the session's clock. */
  readonly arrivedAt: number;
  /** Speech probability; undefined when the VAD is off or failed at this window. */
  readonly probability: number | undefined;
}

export interface IntakeOptions {
  readonly vad: Vad;
  readonly decoders: DecoderPool;
  readonly clock: Clock;
  /** Called for one window after another; the next one waits for its promise. */
  readonly deliver: (window: ScoredWindow) => Promise<void>;
  /** The VAD or a decoder failed; audio goes on. */
  readonly fail: (error: AloudError) => void;
}

interface Packet {
  readonly packet: Uint8Array;
  readonly captureTime48k?: number;
}

type Opus =
  | { readonly state: "none" }
  | { readonly state: "coming"; readonly early: Packet[] }
  | { readonly state: "ready"; readonly stream: OpusStream };

export class Intake {
  readonly #options: IntakeOptions;
  readonly #framer = new Framer(WINDOW_SAMPLES);
  readonly #waiting: (Omit<ScoredWindow, "probability"> & { readonly score: Promise<number> | undefined })[] = [];
  #resampler = new Resampler(24_000, RATE_HZ);
  #opus: Opus = { state: "none" };
  #vad: VadStream | undefined;
  #vadState: "up" | "down" = "up";
  #samples = 0;
  /** Windows taken in and handed on since the session began. */
  #pushed = 0;
  #delivered = 0;
  /** Who waits for what came before; those from before the first decoder wait for the packets that wait for it. */
  #drains: { readonly windows: number; readonly resolve: () => void }[] = [];
  #state: "open" | "delivering" | "closed" = "open";

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Milliseconds of audio since the session began. */
  nowMs(): number {
    return (this.#samples * 1_000) / RATE_HZ;
  }

  /** A change of format ends what the old one left unfinished. */
  setFormat(format: AudioFormat): void {
    if (format.type === "audio/opus") this.#takeDecoder();
    else this.#resampler = new Resampler(rateOf(format), RATE_HZ);
  }

  /** Push-to-talk needs no VAD, and pays for none. */
  setVad(mode: "on" | "off"): void {
    if (mode === "on") this.#vad ??= this.#options.vad.open();
    else {
      this.#vad?.close();
      this.#vad = undefined;
    }
  }

  /** Samples at the rate of the session's format. @throws AloudError `input_audio_buffer_full` */
  pushPcm(samples: Float32Array): void {
    this.#push(this.#resampler.push(samples));
  }

  /** @throws AloudError `audio_packet_invalid`, `input_audio_buffer_full` */
  pushOpus(packet: Packet): void {
    if (this.#opus.state === "none") this.#takeDecoder();
    if (this.#opus.state === "ready") {
      for (const samples of this.#opus.stream.decode(packet)) this.#push(samples);
    } else if (this.#opus.state === "coming") {
      if (this.#opus.early.length >= MAX_EARLY_PACKETS)
        throw new AloudError("input_audio_buffer_full", `more than ${MAX_EARLY_PACKETS} packets wait for a decoder`);
      this.#opus.early.push({ ...packet, packet: packet.packet.slice() });
    }
  }

  /** What has not filled a window yet, filled up with silence: push-to-talk ends anywhere. */
  flush(): void {
    const rest = this.#framer.flush();
    if (rest.length === 0) return;
    const window = new Float32Array(WINDOW_SAMPLES);
    window.set(rest);
    this.#push(window);
  }

  /** Resolves once everything that was pushed before has been delivered, or the intake is closed. */
  drained(): Promise<void> {
    if (this.#opus.state !== "coming" && this.#delivered >= this.#pushed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drains.push({ windows: this.#pushed, resolve });
    });
  }

  close(): void {
    this.#state = "closed";
    this.#waiting.length = 0;
    for (const { resolve } of this.#drains.splice(0)) resolve();
    this.setVad("off");
    if (this.#opus.state === "ready") this.#opus.stream.close();
    this.#opus = { state: "none" };
  }

  #takeDecoder(): void {
    if (this.#opus.state !== "none") return;
    const early: Packet[] = [];
    this.#opus = { state: "coming", early };
    this.#options.decoders.take().then(
      (decoder) => {
        if (this.#state === "closed") return decoder.free();
        this.#opus = { state: "ready", stream: new OpusStream(decoder) };
        for (const packet of early) this.#attempt(() => this.pushOpus(packet));
        // Everybody who waited for the decoder now waits for what its packets became.
        this.#drains = this.#drains.map((drain) => ({ ...drain, windows: this.#pushed }));
        this.#settleDrains();
      },
      (error: unknown) => {
        this.#opus = { state: "none" };
        this.#settleDrains();
        this.#options.fail(AloudError.from(error));
      },
    );
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.fail(AloudError.from(error));
    }
  }

  #push(samples: Float32Array): void {
    if (this.#state === "closed") return;
    if (this.#waiting.length + samples.length / WINDOW_SAMPLES > MAX_WAITING_WINDOWS)
      throw new AloudError("input_audio_buffer_full", `more than ${MAX_BACKLOG_AUDIO_MS} ms of audio wait to be looked at`);
    const arrivedAt = this.#options.clock.now();
    for (const window of this.#framer.push(samples)) {
      const score = this.#vad?.score(window);
      // Looked at in its turn; until then a rejection is nobody's.
      score?.catch(() => {});
      this.#waiting.push({ start: this.#samples, samples: window, arrivedAt, score });
      this.#samples += window.length;
      this.#pushed += 1;
    }
    if (this.#state === "open" && this.#waiting.length > 0) void this.#deliver();
  }

  async #deliver(): Promise<void> {
    this.#state = "delivering";
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { score, ...window } = next;
      const probability = await this.#probability(score);
      // Closing empties the queue under our feet.
      if (this.#waiting[0] !== next) return;
      this.#waiting.shift();
      await this.#options.deliver({ ...window, probability });
      this.#delivered += 1;
      this.#settleDrains();
    }
    if (this.#state === "delivering") this.#state = "open";
  }

  #settleDrains(): void {
    const isDone = ({ windows }: { readonly windows: number }) => this.#opus.state !== "coming" && windows <= this.#delivered;
    const done = this.#drains.filter(isDone);
    if (done.length === 0) return;
    this.#drains = this.#drains.filter((drain) => !isDone(drain));
    for (const { resolve } of done) resolve();
  }

  async #probability(score: Promise<number> | undefined): Promise<number | undefined> {
    if (score === undefined) return undefined;
    try {
      const probability = await score;
      this.#vadState = "up";
      return probability;
    } catch (error) {
      // Said once, not for each of the windows that it concerns.
      if (this.#vadState === "up" && this.#vad !== undefined) this.#options.fail(AloudError.from(error));
      this.#vadState = "down";
      return undefined;
    }
  }
}
