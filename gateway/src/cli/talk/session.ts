/** One session as `talk` holds it: speaks clips and texts in turn, and waits for their answers. */
import { type Conversation, isSettled, NEW_CONVERSATION, openConnection, reduce, type ServerEvent, type Turn } from "@aloud/client";
import { WebSocket } from "ws";
import type { TimedPacket } from "../clip/clip.ts";
import { PACKET_SAMPLES, type PacketEncoder } from "../clip/encoder.ts";
import { UsageError } from "../usage-error.ts";
import { realTime, unpaced } from "./pace.ts";

/** Silence after a clip in which the endpoint must be found, before we say that there was no speech. */
const SILENCE_MS = 2_500;
/** Silence that is heard out even when an answer is there, so that speech that ends with the file is one turn. */
const LEAST_SILENCE_MS = 800;
/** Nothing at all from the server for this long means that no answer will come. */
const PATIENCE_MS = 60_000;
const FRAME_MS = 20;

export interface TalkSessionOptions {
  readonly url: string;
  readonly key?: string | undefined;
  readonly pushToTalk: boolean;
  readonly fast: boolean;
  /** Encodes the silence after a clip; stays the caller's. */
  readonly encoder: PacketEncoder;
  readonly onMessage: (text: string) => void;
  readonly onChange: (conversation: Conversation) => void;
}

export interface TalkSession {
  /** Resolves with the turns that the clip made, all over. @throws UsageError when it holds no speech, or the session ends */
  speak(packets: readonly TimedPacket[]): Promise<readonly Turn[]>;
  ask(text: string): Promise<readonly Turn[]>;
  close(): Promise<void>;
}

/** @throws Error as the socket gives it when nothing listens */
export async function openTalkSession(options: TalkSessionOptions): Promise<TalkSession> {
  let conversation = NEW_CONVERSATION;
  let ended: string | undefined;
  let updates = 0;
  let at48k = 0;
  let lastEventAt = performance.now();
  const waiting = new Set<() => void>();

  const onEvent = (event: ServerEvent) => {
    lastEventAt = performance.now();
    if (event.type === "session.updated") updates += 1;
    conversation = reduce(conversation, event);
    options.onChange(conversation);
    for (const check of waiting) check();
  };
  const connection = openConnection({ url: options.url, WebSocket, key: options.key, onEvent, onMessage: options.onMessage });
  void connection.closed.then(({ reason }) => {
    ended = conversation.error?.message ?? reason;
    for (const check of waiting) check();
  });
  await connection.opened;

  /** Resolves once `done` holds. @throws UsageError when the session ends, or nothing comes for too long */
  const until = async (done: () => boolean) => {
    let timer: NodeJS.Timeout | undefined;
    lastEventAt = performance.now();
    try {
      await new Promise<void>((resolve, reject) => {
        const check = () => {
          if (done()) resolve();
          else if (ended !== undefined) reject(new UsageError(`the server ended the session: ${ended}`));
          else if (performance.now() - lastEventAt > PATIENCE_MS) reject(new UsageError(`no answer within ${PATIENCE_MS / 1_000} s`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        timer = setInterval(check, 1_000);
        check();
      });
    } finally {
      clearInterval(timer);
    }
  };
  /** The server handles settings after all audio before them: its answer says that it has looked at everything. */
  const barrier = async () => {
    const next = updates + 1;
    connection.send({ type: "session.update", session: { type: "realtime" } });
    await until(() => updates >= next);
  };

  const send = async (
    packets: readonly TimedPacket[],
    pace = options.fast ? unpaced(connection, () => ended !== undefined) : realTime(),
  ) => {
    for (const { packet, samples48k } of packets) {
      await pace.turnOf(at48k);
      if (ended !== undefined) throw new UsageError(`the server ended the session: ${ended}`);
      connection.sendAudio(packet, at48k >>> 0);
      at48k += samples48k;
    }
  };
  const silence = (ms: number): readonly TimedPacket[] =>
    Array.from({ length: Math.ceil(ms / FRAME_MS) }, () => ({
      packet: options.encoder.encode(new Float32Array(PACKET_SAMPLES)),
      samples48k: PACKET_SAMPLES,
    }));

  const turnsSince = (before: number) => conversation.turns.slice(before);
  const allSettled = (before: number) => turnsSince(before).length > 0 && turnsSince(before).every(isSettled);
  const asked = async (before: number, failed: string | undefined) => {
    await until(() => allSettled(before) || conversation.error?.message !== failed);
    if (!allSettled(before)) throw new UsageError(conversation.error?.message ?? "the server refused");
    return turnsSince(before);
  };

  connection.send({
    type: "session.update",
    session: {
      type: "realtime",
      audio: {
        input: { format: { type: "audio/opus" }, transcription: {}, ...(options.pushToTalk && { turn_detection: null }) },
      },
    },
  });
  await until(() => updates > 0 || conversation.error !== undefined);
  if (updates === 0) throw new UsageError(`the server refused: ${conversation.error?.message}`);

  return {
    async speak(packets) {
      const before = conversation.turns.length;
      const failed = conversation.error?.message;
      await send(packets);
      if (options.pushToTalk) {
        connection.send({ type: "input_audio_buffer.commit" });
        connection.send({ type: "response.create" });
        return asked(before, failed);
      }
      await send(silence(LEAST_SILENCE_MS));
      // The microphone stays open while the answer comes, as a person's would.
      const pace = realTime();
      for (let silentMs = LEAST_SILENCE_MS; !allSettled(before) && silentMs < SILENCE_MS; silentMs += FRAME_MS) {
        await send(silence(FRAME_MS), options.fast ? undefined : pace);
      }
      await barrier();
      const heard = turnsSince(before).some((turn) => turn.status !== "listening");
      if (heard) await until(() => turnsSince(before).every((turn) => isSettled(turn) || turn.status === "listening"));
      const spoken = turnsSince(before).filter((turn) => isSettled(turn) && turn.status !== "unheard");
      if (spoken.length === 0) throw new UsageError("no speech found");
      return spoken;
    },
    ask(text) {
      const before = conversation.turns.length;
      const failed = conversation.error?.message;
      connection.send({
        type: "conversation.item.create",
        item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
      });
      connection.send({ type: "response.create" });
      return asked(before, failed);
    },
    async close() {
      connection.close();
      await connection.closed;
    },
  };
}
