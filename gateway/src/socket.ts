/**
 * The one file that knows `ws`: a connection that delivers messages, bounds what waits to be sent, and notices a dead or
 * unreading peer. What a message means is the session's business.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AloudError } from "@aloud/client/protocol";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "./clock.ts";
import {
  BACKLOG_CHECK_MS,
  CLOSE_TIMEOUT_MS,
  HEARTBEAT_MS,
  IDLE_TIMEOUT_MS,
  MAX_BUFFERED_CHUNKS,
  MAX_FRAGMENTS,
  MAX_MESSAGE_BYTES,
  MAX_OUTBOUND_BYTES,
  MESSAGE_BURST,
  MESSAGES_PER_SECOND,
  SLOW_CONSUMER_MS,
} from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface ConnectionHandlers {
  /** One text message, complete. */
  onText(text: string): void;
  /** One binary message; the bytes are valid during the call only. */
  onBinary(bytes: Uint8Array): void;
  /** The connection must end for this reason; whoever handles it says so to the peer and closes. */
  onViolation(error: AloudError): void;
  /** The socket is gone, for whatever reason. Called once, last. */
  onClosed(code: number): void;
}

export interface Connection {
  /** Sends one text message, if the socket is still open. */
  send(text: string): void;
  /** Closes with a code and a short reason; a peer that does not answer is cut off after `CLOSE_TIMEOUT_MS`. Idempotent. */
  close(code: number, reason: string): void;
  /** Cuts the connection off without ceremony. */
  terminate(): void;
}

export interface Acceptor {
  /** Completes the handshake. Handlers are asked for synchronously, so that no message is lost. */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    subprotocol: string | undefined,
    attach: (connection: Connection) => ConnectionHandlers,
  ): void;
  close(): void;
}

/** @param maxSessionMs how long a connection may last */
export function createAcceptor(clock: Clock, maxSessionMs: number): Acceptor {
  // What the server answers is decided before the upgrade; ws only has to be told.
  const chosen = new WeakMap<IncomingMessage, string>();
  const options: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (_offers, request) => chosen.get(request) ?? false,
  };
  const server = new WebSocketServer(options);
  return {
    accept(request, socket, head, subprotocol, attach) {
      if (subprotocol !== undefined) chosen.set(request, subprotocol);
      server.handleUpgrade(request, socket, head, (ws) => connect(ws, clock, maxSessionMs, attach));
    },
    close: () => server.close(),
  };
}

function connect(ws: WebSocket, clock: Clock, maxSessionMs: number, attach: (connection: Connection) => ConnectionHandlers): void {
  const openedAt = clock.now();
  const bucket = new TokenBucket(MESSAGE_BURST, MESSAGES_PER_SECOND, clock);
  let lastMessageAt = openedAt;
  let peer: "alive" | "asked" = "alive";
  let state: "open" | "violated" | "ending" = "open";
  const cancels = new Map<"heartbeat" | "backlog" | "expiry", () => void>();

  const violate = (error: AloudError) => {
    // Said once: what the answer to it adds to the backlog is no second one.
    if (state !== "open") return;
    state = "violated";
    handlers.onViolation(error);
  };

  let backlog = { bytes: 0, since: openedAt };
  const watchBacklog = () => {
    const bytes = ws.bufferedAmount;
    const now = clock.now();
    if (bytes === 0) {
      cancels.delete("backlog");
      return;
    }
    if (bytes < backlog.bytes) backlog = { bytes, since: now };
    else if (now - backlog.since >= SLOW_CONSUMER_MS)
      return violate(new AloudError("slow_consumer", `the client has read nothing for ${SLOW_CONSUMER_MS} ms; ${bytes} bytes wait for it`));
    cancels.set("backlog", clock.after(BACKLOG_CHECK_MS, watchBacklog));
  };

  const connection: Connection = {
    send(text) {
      if (ws.readyState !== ws.OPEN) return;
      ws.send(text);
      const bytes = ws.bufferedAmount;
      if (bytes > MAX_OUTBOUND_BYTES) {
        violate(new AloudError("slow_consumer", `${bytes} bytes wait to be read by the client; at most ${MAX_OUTBOUND_BYTES} may`));
        return;
      }
      if (bytes > 0 && !cancels.has("backlog")) {
        backlog = { bytes, since: clock.now() };
        cancels.set("backlog", clock.after(BACKLOG_CHECK_MS, watchBacklog));
      }
    },
    close(code, reason) {
      state = "ending";
      ws.close(code, reason);
    },
    terminate: () => ws.terminate(),
  };
  const handlers = attach(connection);

  const heartbeat = () => {
    const now = clock.now();
    if (peer === "asked") return ws.terminate();
    if (now - lastMessageAt >= IDLE_TIMEOUT_MS)
      violate(new AloudError("idle_timeout", `nothing was received for ${IDLE_TIMEOUT_MS / 60_000} minutes`));
    peer = "asked";
    if (ws.readyState === ws.OPEN) ws.ping();
    cancels.set("heartbeat", clock.after(HEARTBEAT_MS, heartbeat));
  };
  cancels.set("heartbeat", clock.after(HEARTBEAT_MS, heartbeat));
  const expire = () =>
    violate(new AloudError("session_expired", `the session reached its limit of ${maxSessionMs / 60_000} minutes; open a new one`));
  cancels.set("expiry", clock.after(maxSessionMs, expire));

  ws.on("pong", () => {
    peer = "alive";
  });
  ws.on("message", (data, isBinary) => {
    if (state !== "open" || !Buffer.isBuffer(data)) return;
    peer = "alive";
    lastMessageAt = clock.now();
    if (!bucket.take()) return violate(new AloudError("rate_limited", `more than ${MESSAGES_PER_SECOND} messages a second`));
    if (isBinary) handlers.onBinary(data);
    else handlers.onText(data.toString("utf8"));
  });
  // ws closes by itself after a violation of the protocol (1002, 1007, 1009); `close` follows.
  ws.on("error", () => {});
  ws.on("close", (code) => {
    state = "ending";
    for (const cancel of cancels.values()) cancel();
    cancels.clear();
    handlers.onClosed(code);
  });
}
