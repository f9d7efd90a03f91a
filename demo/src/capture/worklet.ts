/** The audio thread: cuts frames and posts them. Decides nothing. */
import { Framer } from "./framer.ts";

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

class Capture extends AudioWorkletProcessor {
  readonly #framer = new Framer(sampleRate);

  process([input]: readonly (readonly Float32Array[])[]): boolean {
    const block = input?.[0];
    if (block !== undefined) this.#framer.push(block, (frame) => this.port.postMessage(frame, [frame.buffer]));
    return true;
  }
}

registerProcessor("capture", Capture);
