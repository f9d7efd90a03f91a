/** The connection of the page: opens it, sets the session, opens it anew when it is lost, and counts its audio clock. */
import { type Closed, type Connection, openConnection, type ServerEvent } from "@aloud/client";
import { bestCodec, type Codec, createEncoder, type Encoder } from "./capture/encoder.ts";
import type { Mode } from "./page.ts";

export interface LiveLink {
  readonly connection: Connection;
  readonly encoder: Encoder;
}

export interface LinkOptions {
  readonly mode: () => Mode;
  readonly onConnecting: () => void;
  readonly onOpened: () => void;
  readonly onEvent: (event: ServerEvent) => void;
  /** `again`: another attempt follows by itself. */
  readonly onLost: (reason: string, again: boolean) => void;
}

export interface Link {
  /** Undefined while there is no connection. */
  live(): LiveLink | undefined;
  setMode(mode: Mode): void;
  /** Tries at once. */
  reconnect(): void;
}

/** Waits before the attempts, in ms; after the last one, that one again. */
const RETRY_MS = [300, 1_200, 2_700, 4_800, 7_000];
/** Close codes after which the same attempt fails the same way: policy violation, wrong data. */
const HOPELESS = new Set([1003, 1008, 1009]);

export function createLink(options: LinkOptions): Link {
  let live: LiveLink | undefined;
  let attempts = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const turnDetection = (mode: Mode) => (mode === "hold" ? null : ({ type: "server_vad" } as const));
  const setUp = (connection: Connection, codec: Codec) => {
    connection.send({
      type: "session.update",
      session: {
        type: "realtime",
        audio: {
          input: {
            ...(codec === "opus" && { format: { type: "audio/opus" as const } }),
            transcription: {},
            turn_detection: turnDetection(options.mode()),
          },
        },
      },
    });
  };
  const open = async () => {
    clearTimeout(timer);
    options.onConnecting();
    const codec = await bestCodec();
    const url = new URL("/v1/realtime", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const connection = openConnection({ url: url.href, WebSocket, onEvent: options.onEvent });
    void connection.closed.then((closed) => onClosed(closed));
    try {
      await connection.opened;
    } catch {
      return; // `closed` tells.
    }
    attempts = 0;
    live = { connection, encoder: createEncoder(codec, connection, { samples48k: 0 }) };
    setUp(connection, codec);
    options.onOpened();
  };
  const onClosed = ({ code, reason, by }: Closed) => {
    live?.encoder.close();
    live = undefined;
    const again = !HOPELESS.has(code);
    options.onLost(by === "network" ? "The server cannot be reached" : `The server closed the connection (${reason})`, again);
    if (!again) return;
    timer = setTimeout(() => void open(), RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)]);
    attempts += 1;
  };
  // A browser that is back online should not wait for the next attempt.
  addEventListener("online", () => {
    if (live === undefined) void open();
  });
  void open();

  return {
    live: () => live,
    setMode(mode) {
      const input = { turn_detection: turnDetection(mode) };
      live?.connection.send({ type: "session.update", session: { type: "realtime", audio: { input } } });
    },
    reconnect() {
      if (live === undefined) void open();
    },
  };
}
