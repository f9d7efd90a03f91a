/**
 * One WebSocket to a gateway, in the dialect `aloud.v1`: events in and out as typed values, Opus packets out as binary messages.
 * Runs in browsers and in Node (the WebSocket class is a parameter) and knows nothing of microphones or pages. It does not
 * reconnect: `closed` settles once, and whoever opened the connection decides what then.
 */
import { encodeAudioPacket } from "./protocol/audio-frame.ts";
import type { ClientEvent } from "./protocol/client-events.ts";
import { isRecord } from "./protocol/schema.ts";
import type { ServerEvent } from "./protocol/server-events.ts";
import { ALOUD_SUBPROTOCOL, CREDENTIAL_SUBPROTOCOL_PREFIX } from "./protocol/subprotocol.ts";

/** The part of the WebSocket API that is needed; browsers' `WebSocket` and the class of the package `ws` both have it. */
export interface Socket {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error" | "message" | "close", listener: (event: unknown) => void): void;
}
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;

/** Why a connection ended. `code` is the WebSocket close code; 1006 when the socket ended without one. */
export interface Closed {
  readonly by: "client" | "server" | "network";
  readonly code: number;
  /** The server's error code where it gave one (`server_busy`), else what the socket reported. */
  readonly reason: string;
}

export interface ConnectionOptions {
  /** `ws://` or `wss://`, with the path. */
  readonly url: string;
  readonly WebSocket: SocketConstructor;
  /** A client secret, or where nobody else can read it an API key. It travels as an offered subprotocol, which browsers can send. */
  readonly key?: string | undefined;
  /** Called for every event that is one; what is not JSON or has no `type` is dropped. */
  readonly onEvent: (event: ServerEvent) => void;
  /** Called before, with the message exactly as it came. */
  readonly onMessage?: (text: string) => void;
}

export interface Connection {
  /** Settles once: resolves when the socket is open, rejects when it ends before that. */
  readonly opened: Promise<void>;
  /** Resolves once, whatever the reason. Never rejects. */
  readonly closed: Promise<Closed>;
  /** Bytes that wait in the socket. */
  bufferedBytes(): number;
  /** Packets sent that the server has not acknowledged. */
  unacknowledgedPackets(): number;
  /** Dropped silently unless the socket is open: `closed` tells. */
  send(event: ClientEvent): void;
  /** @param packet one raw Opus packet @param captureTime48k of its first sample, in 48 kHz samples */
  sendAudio(packet: Uint8Array, captureTime48k: number): void;
  /** Idempotent. */
  close(): void;
}

const OPEN = 1;
const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006;
/** Server events between two acknowledgements; `response.done` is acknowledged at once, since it frees what the server keeps of the turn. */
const EVENTS_PER_ACK = 64;

/** Opens the socket. @throws SyntaxError when the URL is not a WebSocket URL, or the key holds what no key of ours does */
export function openConnection({ url, WebSocket, key, onEvent, onMessage }: ConnectionOptions): Connection {
  const socket = new WebSocket(url, key === undefined ? [ALOUD_SUBPROTOCOL] : [ALOUD_SUBPROTOCOL, CREDENTIAL_SUBPROTOCOL_PREFIX + key]);
  socket.binaryType = "arraybuffer";
  let closing: Closed["by"] = "network";
  let complaint = "";
  let packetsSent = 0;
  let packetsAcknowledged = 0;
  let lastSeq = 0;
  let acknowledgedSeq = 0;

  const closed = new Promise<Closed>((resolve) => {
    socket.addEventListener("close", (event) => {
      const { code, reason } = closeOf(event);
      const by = closing === "network" && code !== ABNORMAL_CLOSURE ? "server" : closing;
      resolve({ by, code, reason: reason || complaint || `the socket closed with code ${code}` });
    });
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    void closed.then(({ reason }) => reject(new Error(reason)));
  });
  // Who does not ask for `opened` hears of the failure from `closed`.
  opened.catch(() => {});

  const send = (event: ClientEvent) => {
    if (socket.readyState === OPEN) socket.send(JSON.stringify(event));
  };
  const acknowledge = (event: ServerEvent) => {
    if (event.type === "aloud.ack") packetsAcknowledged = Math.max(packetsAcknowledged, event.audio_seq + 1);
    lastSeq = Math.max(lastSeq, event.seq ?? 0);
    if (lastSeq - acknowledgedSeq < EVENTS_PER_ACK && (event.type !== "response.done" || event.seq === undefined)) return;
    acknowledgedSeq = lastSeq;
    send({ type: "aloud.ack", event_seq: lastSeq });
  };

  socket.addEventListener("error", (event) => {
    complaint ||= messageOf(event);
  });
  socket.addEventListener("message", (message) => {
    const text = textOf(message);
    if (text === undefined) return;
    onMessage?.(text);
    const event = parseServerEvent(text);
    if (event === undefined) return;
    acknowledge(event);
    onEvent(event);
  });

  return {
    opened,
    closed,
    bufferedBytes: () => socket.bufferedAmount,
    unacknowledgedPackets: () => packetsSent - packetsAcknowledged,
    send,
    sendAudio(packet, captureTime48k) {
      if (socket.readyState !== OPEN) return;
      socket.send(encodeAudioPacket({ seq: packetsSent, captureTime48k, packet }));
      packetsSent += 1;
    },
    close() {
      if (closing === "network") closing = "client";
      socket.close(NORMAL_CLOSURE);
    },
  };
}

/**
 * Reads one text message. The sender is our own server, so that only the envelope is checked; an event of a type that this
 * client does not know is returned like any other and ignored by the reducer.
 */
export function parseServerEvent(text: string): ServerEvent | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && typeof value.type === "string" ? (value as unknown as ServerEvent) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(message: unknown): string | undefined {
  const data = typeof message === "object" && message !== null && "data" in message ? message.data : undefined;
  return typeof data === "string" ? data : undefined;
}

function messageOf(event: unknown): string {
  return typeof event === "object" && event !== null && "message" in event && typeof event.message === "string" ? event.message : "";
}

function closeOf(event: unknown): { code: number; reason: string } {
  if (typeof event !== "object" || event === null) return { code: ABNORMAL_CLOSURE, reason: "" };
  const code = "code" in event && typeof event.code === "number" ? event.code : ABNORMAL_CLOSURE;
  const reason = "reason" in event && typeof event.reason === "string" ? event.reason : "";
  return { code, reason };
}
