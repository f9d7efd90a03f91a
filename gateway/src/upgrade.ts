/**
 * The front door: who may open a socket, and what the others are told, before the upgrade. Every socket that comes in here is either
 * a session afterwards or destroyed.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { AloudError, chooseSubprotocol, type ErrorCode } from "@aloud/client/protocol";
import { CLOSE_ALL_MS, REJECT_LINGER_MS, RETRY_AFTER_S } from "./limits.ts";
import { isOriginAllowed } from "./origin.ts";
import { Session, type SessionDeps } from "./session.ts";
import { type Connection, createAcceptor } from "./socket.ts";

export interface Upgrade {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  sessions(): number;
  /** Refuses new sessions, lets running turns finish within `drainMs`, then closes every session with 1012. */
  close(drainMs: number): Promise<void>;
}

export function createUpgrade(deps: SessionDeps): Upgrade {
  const { config, clock, metrics, logger } = deps;
  const acceptor = createAcceptor(clock, config.maxSessionMs);
  const live = new Map<Session, Connection>();
  let state: "open" | "draining" = "open";
  let onEmpty: () => void = () => {};

  const refusal = (request: IncomingMessage): { status: string; code: ErrorCode | "not_found"; message: string } | undefined => {
    const path = request.url?.split("?", 1)[0];
    if (path !== "/v1/realtime") return { status: "404 Not Found", code: "not_found", message: "WebSockets are served at /v1/realtime" };
    if (request.method !== "GET") return { status: "405 Method Not Allowed", code: "not_found", message: "expected GET" };
    if (!isOriginAllowed({ origin: request.headers.origin, host: request.headers.host }, config.origins))
      return {
        status: "403 Forbidden",
        code: "origin_not_allowed",
        message: "this origin may not connect; ALOUD_ORIGINS lists those that may",
      };
    if (state === "draining") return { status: "503 Service Unavailable", code: "server_draining", message: "the server is restarting" };
    if (live.size >= config.maxSessions)
      return { status: "503 Service Unavailable", code: "server_busy", message: `all ${config.maxSessions} sessions are taken` };
    return undefined;
  };

  return {
    handle(request, socket, head) {
      // Until ws takes over, a peer that resets must not be an uncaught error.
      const onError = () => socket.destroy();
      socket.on("error", onError);
      const refused = refusal(request);
      if (refused !== undefined) {
        metrics.upgrades.inc({ outcome: refused.code });
        return refuse(socket, refused, clock.after);
      }
      const { subprotocol, dialect } = chooseSubprotocol(offersOf(request));
      socket.off("error", onError);
      acceptor.accept(request, socket, head, subprotocol, (connection) => {
        const session = new Session({
          ...deps,
          connection,
          dialect,
          onEnded: () => {
            live.delete(session);
            metrics.sessions.set(live.size);
            if (live.size === 0) onEmpty();
          },
        });
        live.set(session, connection);
        metrics.sessions.set(live.size);
        metrics.upgrades.inc({ outcome: "accepted" });
        return session;
      });
    },
    sessions: () => live.size,
    async close(drainMs) {
      state = "draining";
      if (live.size > 0) {
        logger.info({ sessions: live.size, drainMs }, "draining");
        await withinMs(drainMs, clock.after, Promise.all([...live.keys()].map((session) => session.drained())));
        const empty = new Promise<void>((resolve) => {
          onEmpty = resolve;
        });
        for (const session of live.keys())
          session.onViolation(new AloudError("server_draining", "the server is restarting; connect again"));
        if (live.size > 0) await withinMs(CLOSE_ALL_MS, clock.after, empty);
        for (const connection of live.values()) connection.terminate();
      }
      acceptor.close();
    },
  };
}

type After = (ms: number, fire: () => void) => () => void;

async function withinMs(ms: number, after: After, work: Promise<unknown>): Promise<void> {
  if (ms === 0) return;
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = after(ms, resolve);
  });
  await Promise.race([work, late]);
  cancel();
}

/** Offered subprotocols. Keys that stock browser clients put here are neither kept nor answered. */
function offersOf(request: IncomingMessage): string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((offer) => offer.trim());
}

/** Answers in plain HTTP and makes sure that the socket goes away, whether or not the peer reads. */
function refuse(socket: Duplex, { status, code, message }: { status: string; code: string; message: string }, after: After): void {
  const body = JSON.stringify({ error: { type: "invalid_request_error", code, message } });
  const retry = status.startsWith("503") ? `Retry-After: ${RETRY_AFTER_S}\r\n` : "";
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${retry}\r\n`;
  const cancel = after(REJECT_LINGER_MS, () => socket.destroy());
  socket.once("close", cancel);
  socket.end(head + body, () => socket.destroy());
}
