/** The connection of the page: opens it, sets the session, opens it anew when it is lost, and counts its audio clock. */
import { type Closed, type Connection, openConnection, type ServerEvent } from "@aloud/client";
import { bestCodec, type Codec, createEncoder, type Encoder } from "./capture/encoder.ts";
import type { Entry } from "./entry.ts";
import type { Mode } from "./page.ts";

export interface LiveLink {
  readonly connection: Connection;
  readonly encoder: Encoder;
}

export interface LinkOptions {
  readonly mode: () => Mode;
  readonly entry: Entry;
  readonly onConnecting: () => void;
  readonly onOpened: () => void;
  readonly onEvent: (event: ServerEvent) => void;
  /** `again`: another attempt follows by itself. */
  readonly onLost: (reason: string, again: boolean) => void;
  /** The server asks for a key. `complaint`: what was wrong with the one that it got, if it got one. */
  readonly onLocked: (complaint: string | undefined) => void;
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
/** A key is missing, or no longer good. */
const UNAUTHORIZED = 3000;

export function createLink(options: LinkOptions): Link {
  let live: LiveLink | undefined;
  let attempts = 0;
  let refusal: string | undefined;
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
    const key = options.entry.secret();
    const onEvent = (event: ServerEvent) => {
      if (event.type === "error" && event.error.code === "invalid_api_key") refusal = event.error.message;
      options.onEvent(event);
    };
    const connection = openConnection({ url: url.href, WebSocket, key, onEvent });
    void connection.closed.then((closed) => onClosed(closed, key));
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
  const onClosed = ({ code, reason, by }: Closed, key: string | undefined) => {
    live?.encoder.close();
    live = undefined;
    if (code === UNAUTHORIZED) return void locked(key);
    const again = !HOPELESS.has(code);
    options.onLost(by === "network" ? "The server cannot be reached" : `The server closed the connection (${reason})`, again);
    if (!again) return;
    timer = setTimeout(() => void open(), RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)]);
    attempts += 1;
  };
  const locked = async (key: string | undefined) => {
    if (await options.entry.renew()) return open();
    options.onLocked(key === undefined ? undefined : refusal);
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
