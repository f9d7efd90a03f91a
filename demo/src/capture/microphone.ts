/** The microphone as a stream of 20 ms frames at 48 kHz. Whoever opens it closes it. */
import { CLOCK_HZ } from "./framer.ts";
import workletUrl from "./worklet.ts?worker&url";

export interface OpenMicrophone {
  /** Loudness now, 0 to 1. */
  level(): number;
  /** Releases the device; the browser's recording sign goes out. Idempotent. */
  close(): void;
}

export interface MicrophoneOptions {
  readonly onFrame: (frame: Float32Array<ArrayBuffer>) => void;
  /** The device was unplugged or taken away. */
  readonly onEnded: () => void;
}

/** Must be called in a gesture, before anything is awaited: browsers start audio only then. @throws DOMException as getUserMedia does */
export async function openMicrophone({ onFrame, onEnded }: MicrophoneOptions): Promise<OpenMicrophone> {
  if (!navigator.mediaDevices || typeof AudioWorkletNode === "undefined")
    throw new DOMException("no audio capture here", "NotSupportedError");
  const context = new AudioContext({ sampleRate: CLOCK_HZ, latencyHint: "interactive" });
  let stream: MediaStream | undefined;
  const close = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (context.state !== "closed") void context.close();
  };
  try {
    void context.resume();
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    for (const track of stream.getTracks()) track.addEventListener("ended", onEnded);
    await context.audioWorklet.addModule(workletUrl);
    const source = context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(context, { fftSize: 512 });
    // macOS reports stereo for mono devices: `explicit` mixes down.
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    capture.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => onFrame(data);
    source.connect(analyser);
    source.connect(capture);
    const scope = new Float32Array(analyser.fftSize);
    return { level: () => levelOf(analyser, scope), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** RMS on a scale of −60 … −10 dB. */
function levelOf(analyser: AnalyserNode, scope: Float32Array<ArrayBuffer>): number {
  analyser.getFloatTimeDomainData(scope);
  let energy = 0;
  for (const sample of scope) energy += sample * sample;
  const decibel = 10 * Math.log10(energy / scope.length + 1e-9);
  return Math.min(1, Math.max(0, (decibel + 60) / 50));
}
