/**
 * The front door: who may open a socket, and what the others are told, before the upgrade. Every socket that comes in here is either
 * a session afterwards or destroyed.
 */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import {
  AloudError,
  applySessionPatch,
  CREDENTIAL_SUBPROTOCOL_PREFIX,
  chooseSubprotocol,
  defaultSession,
  type ErrorCode,
} from "@aloud/client/protocol";
import type { Access, Principal } from "./auth/access.ts";
import { offersOf } from "./auth/credential.ts";
import type { Clock } from "./clock.ts";
import type { GatewayConfig } from "./config.ts";
import { answerOf, retryAfterSeconds } from "./http/errors.ts";
import { CLOSE_ALL_MS, REJECT_LINGER_MS, RETRY_AFTER_S } from "./limits.ts";
import { isOriginAllowed } from "./origin.ts";
import { Session, type SessionDeps } from "./session.ts";
import { type Connection, type ConnectionHandlers, createAcceptor } from "./socket.ts";
import { newId } from "./wire/ids.ts";
import { errorBody } from "./wire/session-object.ts";

export interface Upgrade {
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  sessions(): number;
  /** Refuses new sessions, lets running turns finish within `drainMs`, then closes every session with 1012. */
  close(drainMs: number): Promise<void>;
}

export interface UpgradeDeps extends SessionDeps {
  readonly access: Access;
}

export function createUpgrade(deps: UpgradeDeps): Upgrade {
  const { access, config, clock, metrics, logger, engine } = deps;
  const acceptor = createAcceptor(clock, config.maxSessionMs);
  const live = new Map<Session, Connection>();
  let state: "open" | "draining" = "open";
  let onEmpty: () => void = () => {};

  const checkRoom = () => {
    if (state === "draining") throw new AloudError("server_draining", "the server is restarting; connect again", retryLater);
    if (live.size >= config.maxSessions)
      throw new AloudError("server_busy", `all ${config.maxSessions} sessions are taken; try again later`, retryLater);
    // Now rather than when the first words have been said.
    const status = engine.status();
    if (status.state === "ready" && status.full !== undefined)
      throw new AloudError("server_busy", "the model has as much to do as it can; try again later", status.full);
  };

  const open = (principal: Principal, request: IncomingMessage, socket: Duplex, head: Buffer) => {
    checkRoom();
    const { subprotocol, dialect } = chooseSubprotocol(offersOf(request));
    const initial = principal.secret?.session;
    // Found out before the handshake whether the client secret's settings fit this connection.
    if (initial !== undefined) applySessionPatch(defaultSession(engine.info.model), initial, dialect);
    let session: Session | undefined;
    const countOut = access.admit(principal, (error) => session?.onViolation(error));
    try {
      acceptor.accept(request, socket, head, subprotocol, (connection) => {
        const opened = new Session({
          ...deps,
          logger: principal.key === undefined ? logger : logger.child({ key: principal.key.name }),
          connection,
          dialect,
          tenant: principal.key?.id,
          initial,
          onEnded: () => {
            countOut();
            live.delete(opened);
            metrics.sessions.set(live.size);
            if (live.size === 0) onEmpty();
          },
        });
        session = opened;
        live.set(opened, connection);
        metrics.sessions.set(live.size);
        metrics.upgrades.inc({ outcome: "accepted" });
        return opened;
      });
    } finally {
      // ws has refused the handshake itself.
      if (session === undefined) countOut();
    }
  };

  return {
    handle(request, socket, head) {
      // Until ws takes over, a peer that resets must not be an uncaught error.
      const onError = () => socket.destroy();
      socket.on("error", onError);
      const misdirected = misdirection(request);
      if (misdirected !== undefined) {
        metrics.upgrades.inc({ outcome: "not_found" });
        return refuse(socket, misdirected, clock);
      }
      let principal: Principal | undefined;
      try {
        principal = access.identify(request);
        checkOrigin(request, principal, config, access.guarded);
        socket.off("error", onError);
        open(principal, request, socket, head);
      } catch (thrown) {
        const error = AloudError.from(thrown);
        if (error.code === "internal_error") logger.error({ err: error.cause }, "unexpected error");
        metrics.upgrades.inc({ outcome: error.code });
        // Whoever sends wrong keys without end gets no sockets for it.
        const tired = principal === undefined && error.code === "rate_limit_exceeded";
        socket.off("error", onError);
        if (SHOWN_TO_PAGES.has(error.code) && showsNoStatus(request) && !tired) {
          acceptor.accept(request, socket, head, chooseSubprotocol(offersOf(request)).subprotocol, tellAndClose(error));
          return;
        }
        socket.on("error", onError);
        refuse(socket, answerOf(error), clock);
      }
    },
    sessions: () => live.size,
    async close(drainMs) {
      state = "draining";
      if (live.size > 0) {
        logger.info({ sessions: live.size, drainMs }, "draining");
        await withinMs(drainMs, clock, Promise.all([...live.keys()].map((session) => session.drained())));
        const empty = new Promise<void>((resolve) => {
          onEmpty = resolve;
        });
        for (const session of live.keys())
          session.onViolation(new AloudError("server_draining", "the server is restarting; connect again"));
        if (live.size > 0) await withinMs(CLOSE_ALL_MS, clock, empty);
        for (const connection of live.values()) connection.terminate();
      }
      acceptor.close();
    },
  };
}

async function withinMs(ms: number, clock: Clock, work: Promise<unknown>): Promise<void> {
  if (ms === 0) return;
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work, late]);
  cancel();
}

const retryLater = { retryAfterMs: RETRY_AFTER_S * 1_000 };

/** What a page must learn to mend it; the other refusals look to it like a server that cannot be reached, and are retried as such. */
const SHOWN_TO_PAGES: ReadonlySet<ErrorCode> = new Set(["invalid_api_key", "insufficient_quota", "rate_limit_exceeded"]);

/** Browsers tell a page neither status nor body of a refused handshake. OpenAI opens the socket, says the error, and closes. */
function showsNoStatus(request: IncomingMessage): boolean {
  return request.headers.origin !== undefined || offersOf(request).some((offer) => offer.startsWith(CREDENTIAL_SUBPROTOCOL_PREFIX));
}

function tellAndClose(error: AloudError): (connection: Connection) => ConnectionHandlers {
  return (connection) => {
    connection.send(JSON.stringify({ type: "error", event_id: newId("event"), error: errorBody(error, undefined) }));
    connection.close(error.row.closeCode ?? 1008, error.code);
    return { onText: () => {}, onBinary: () => {}, onViolation: () => {}, onClosed: () => {} };
  };
}

function checkOrigin(request: IncomingMessage, { secret }: Principal, config: GatewayConfig, guarded: boolean): void {
  const { origin, host } = request.headers;
  if (secret?.origin !== undefined) {
    // Whoever holds a key has decided where the client secret may be used: here and nowhere else.
    if (secret.origin === origin) return;
    throw new AloudError("origin_not_allowed", "this client secret is bound to another origin");
  }
  if (!isOriginAllowed({ origin, host }, config.origins, guarded))
    throw new AloudError("origin_not_allowed", "this origin may not connect; ALOUD_ORIGINS lists those that may");
}

interface Refusal {
  readonly status: number;
  readonly body: object;
  readonly retryAfterMs?: number | undefined;
}

function misdirection(request: IncomingMessage): Refusal | undefined {
  const notFound = (status: number, message: string) => ({
    status,
    body: { error: { type: "invalid_request_error", code: "not_found", message, param: null } },
  });
  if (request.url?.split("?", 1)[0] !== "/v1/realtime") return notFound(404, "WebSockets are served at /v1/realtime");
  return request.method === "GET" ? undefined : notFound(405, "expected GET");
}

/** Answers in plain HTTP and makes sure that the socket goes away, whether or not the peer reads. */
function refuse(socket: Duplex, { status, body, retryAfterMs }: Refusal, clock: Clock): void {
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...(retryAfterMs === undefined ? [] : [`Retry-After: ${retryAfterSeconds(retryAfterMs)}`]),
  ];
  const cancel = clock.after(REJECT_LINGER_MS, () => socket.destroy());
  socket.once("close", cancel);
  socket.end(`${head.join("\r\n")}\r\n\r\n${text}`, () => socket.destroy());
}
