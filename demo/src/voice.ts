/** What the person says, from the microphone or a file, on its way up: recording, tail, commit. One utterance at a time. */
import { framesOfFile } from "./capture/file.ts";
import { type OpenMicrophone, openMicrophone } from "./capture/microphone.ts";
import type { LiveLink } from "./link.ts";
import type { Microphone, Mode } from "./page.ts";
import { Preroll } from "./preroll.ts";
import { microphoneProblem, type Problem, SILENT_MICROPHONE } from "./problem.ts";

type Frame = Float32Array<ArrayBuffer>;

/** After the release, 200 ms: people let go while the last sound still is in the air. */
const TAIL_FRAMES = 10;
/** A microphone that delivers digital silence for 1.5 s is muted or taken. */
const SILENT_FRAMES = 75;
/** The longest single utterance: 60 s. */
const MAX_FRAMES = 3_000;
/** A microphone that is not used is let go, so that the browser's recording sign goes out. */
const IDLE_MS = 30_000;
/** Frames of a file that may be under way: 2 s; and how often we look. */
const FILE_WINDOW_PACKETS = 100;
const FILE_BATCH_FRAMES = 25;
const FILE_POLL_MS = 20;

/** `closed`: frames only fill the pre-roll. */
type Gate = { readonly state: "closed" | "open" } | { readonly state: "tail"; readonly framesLeft: number };

export interface VoiceOptions {
  readonly live: () => LiveLink | undefined;
  readonly mode: () => Mode;
  readonly onMicrophone: (microphone: Microphone) => void;
  readonly onProblem: (problem: Problem) => void;
}

export interface Voice {
  /** Call it in a gesture: the first time, it asks for the microphone. */
  start(): Promise<void>;
  /** Ends the utterance and asks for the answer; in hands-free mode it only stops listening. */
  stop(): void;
  /** Ends the utterance as if it had not been. */
  discard(): void;
  upload(file: File): Promise<void>;
  level(): number;
}

export function createVoice({ live, mode, onMicrophone, onProblem }: VoiceOptions): Voice {
  let microphone: OpenMicrophone | undefined;
  let gate: Gate = { state: "closed" };
  let wanted = false;
  let frames = 0;
  let silentFrames = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;
  const preroll = new Preroll<Frame>();

  const release = () => {
    microphone?.close();
    microphone = undefined;
    gate = { state: "closed" };
    wanted = false;
    preroll.take();
    onMicrophone("off");
  };
  const rest = () => {
    gate = { state: "closed" };
    onMicrophone(microphone === undefined ? "off" : "ready");
    clearTimeout(idle);
    idle = setTimeout(release, IDLE_MS);
  };
  const finish = async (answer: "answer" | "no-answer") => {
    const link = live();
    rest();
    if (link === undefined) return;
    await link.encoder.flush();
    if (answer === "no-answer") return;
    link.connection.send({ type: "input_audio_buffer.commit" });
    link.connection.send({ type: "response.create" });
  };
  const onFrame = (frame: Frame) => {
    if (gate.state === "closed") {
      preroll.push(frame);
      return;
    }
    silentFrames = frame.every((sample) => sample === 0) ? silentFrames + 1 : 0;
    if (silentFrames === SILENT_FRAMES) onProblem(SILENT_MICROPHONE);
    live()?.encoder.push(frame);
    frames += 1;
    if (gate.state === "tail") {
      gate = { state: "tail", framesLeft: gate.framesLeft - 1 };
      if (gate.framesLeft <= 0) void finish("answer");
    } else if (mode() === "hold" && frames >= MAX_FRAMES) void finish("answer");
  };
  const begin = () => {
    clearTimeout(idle);
    frames = 0;
    silentFrames = 0;
    gate = { state: "open" };
    onMicrophone("recording");
    const link = live();
    if (link === undefined) return;
    if (mode() === "hold") link.connection.send({ type: "input_audio_buffer.clear" });
    for (const frame of preroll.take()) link.encoder.push(frame);
  };

  return {
    async start() {
      // Pressed again within the tail: the same utterance goes on.
      if (gate.state === "tail") {
        gate = { state: "open" };
        onMicrophone("recording");
        return;
      }
      if (gate.state === "open" || wanted) return;
      wanted = true;
      if (microphone === undefined) {
        onMicrophone("arming");
        try {
          microphone = await openMicrophone({ onFrame, onEnded: release });
        } catch (error) {
          wanted = false;
          onMicrophone("off");
          onProblem(microphoneProblem(await refusal(error)));
          return;
        }
      }
      // Let go while the browser was still asking: warm, and ready for the next press.
      if (!wanted) return rest();
      wanted = false;
      begin();
    },
    stop() {
      wanted = false;
      if (gate.state !== "open") return;
      if (mode() === "hands-free") void finish("no-answer");
      else {
        gate = { state: "tail", framesLeft: TAIL_FRAMES };
        onMicrophone("sending");
      }
    },
    discard() {
      wanted = false;
      if (gate.state === "closed") return;
      live()?.connection.send({ type: "input_audio_buffer.clear" });
      rest();
    },
    async upload(file) {
      const audio = await framesOfFile(file);
      if ("problem" in audio) return onProblem(audio.problem);
      const link = live();
      if (link === undefined || gate.state !== "closed") return;
      const setTurnDetection = (turn_detection: null | { type: "server_vad" }) =>
        link.connection.send({ type: "session.update", session: { type: "realtime", audio: { input: { turn_detection } } } });
      // A file is one turn, whatever pauses are in it.
      if (mode() === "hands-free") setTurnDetection(null);
      link.connection.send({ type: "input_audio_buffer.clear" });
      for (let at = 0; at < audio.frames.length; at += FILE_BATCH_FRAMES) {
        for (const frame of audio.frames.slice(at, at + FILE_BATCH_FRAMES)) link.encoder.push(frame);
        await link.encoder.flush();
        while (live() === link && link.connection.unacknowledgedPackets() > FILE_WINDOW_PACKETS)
          await new Promise((resolve) => setTimeout(resolve, FILE_POLL_MS));
      }
      link.connection.send({ type: "input_audio_buffer.commit" });
      link.connection.send({ type: "response.create" });
      if (mode() === "hands-free") setTurnDetection({ type: "server_vad" });
    },
    level: () => (gate.state === "closed" ? 0 : (microphone?.level() ?? 0)),
  };
}

async function refusal(error: unknown) {
  const name = error instanceof DOMException ? error.name : "";
  const status = await navigator.permissions?.query({ name: "microphone" as PermissionName }).catch(() => undefined);
  return { name, secure: isSecureContext, permission: status?.state ?? ("unknown" as const) };
}
