/** The HTTP side: health, readiness, metrics, client secrets and the demo's files. Knows nothing of sockets or sessions. */

import { AloudError } from "@aloud/client/protocol";
import fastifyStatic from "@fastify/static";
import { type FastifyRequest, fastify } from "fastify";
import type { Registry } from "prom-client";
import type { Access, Principal } from "../auth/access.ts";
import type { OriginRule } from "../config.ts";
import { MAX_BODY_BYTES } from "../limits.ts";
import type { Logger } from "../log.ts";
import { isOriginAllowed } from "../origin.ts";
import { createClientSecret } from "./client-secrets.ts";
import { answerOf, retryAfterSeconds } from "./errors.ts";
import { cacheControl, SECURITY_HEADERS } from "./headers.ts";

export interface Readiness {
  readonly ready: boolean;
  /** `ready`, `loading`, `failed`, `draining`. */
  readonly state: string;
  /** 0 to 1 while loading. */
  readonly progress: number;
  readonly message: string | null;
  readonly model: string;
}

export interface HttpOptions {
  readonly readiness: () => Readiness;
  readonly metrics: Registry;
  readonly access: Access;
  readonly origins: readonly OriginRule[];
  /** The model's name, for sessions that a client secret describes. */
  readonly model: () => string;
  readonly logger: Logger;
  /** Directory of the demo's built files, absolute; none are served without it. */
  readonly demoDir: string | undefined;
}

export async function createApp({ readiness, metrics, access, origins, model, logger, demoDir }: HttpOptions) {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    forceCloseConnections: true,
    trustProxy: false,
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });

  app.setErrorHandler((thrown, _request, reply) => {
    const error = httpError(thrown);
    if (error.code === "internal_error") logger.error({ err: error.cause }, "unexpected error");
    const { status, body, retryAfterMs } = answerOf(error);
    if (retryAfterMs !== undefined) reply.header("retry-after", String(retryAfterSeconds(retryAfterMs)));
    return reply.code(status).header("cache-control", "no-store").send(body);
  });
  // JSON and nothing else: a form of another site can send text/plain, but no JSON without being asked first.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, text === "" ? undefined : JSON.parse(String(text)));
    } catch {
      done(new AloudError("invalid_json", "the body is not JSON"));
    }
  });

  /** Who asks: somebody with a key, where keys are needed. */
  const holder = (request: FastifyRequest): Principal => {
    const principal = access.identify(request.raw);
    if (principal.secret !== undefined)
      throw new AloudError("invalid_api_key", "a client secret opens sessions and nothing else; use the API key that made it");
    return principal;
  };
  const sameSite = (request: FastifyRequest) => {
    const { origin, host } = request.headers;
    if (origin !== undefined && !isOriginAllowed({ origin, host }, origins, access.guarded))
      throw new AloudError("origin_not_allowed", "pages of this origin may not ask; ALOUD_ORIGINS lists those that may");
  };

  /** The process answers. Says nothing about whether it can serve: that is `/readyz`. */
  app.get("/healthz", async (_request, reply) => reply.header("cache-control", "no-store").send({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const now = readiness();
    if (!now.ready) reply.header("retry-after", "5");
    return reply
      .code(now.ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send(now);
  });
  app.get("/metrics", async (request, reply) => {
    // Names of keys and what they use are nobody else's business.
    if (access.guarded) holder(request);
    return reply
      .header("cache-control", "no-store")
      .type(metrics.contentType)
      .send(await metrics.metrics());
  });
  app.post("/v1/realtime/client_secrets", async (request, reply) => {
    sameSite(request);
    const { key } = holder(request);
    return reply.header("cache-control", "no-store").send(createClientSecret(access, key?.id, request.body, model()));
  });
  app.delete<{ Params: { id: string } }>("/v1/realtime/client_secrets/:id", async (request, reply) => {
    sameSite(request);
    access.revokeSecret(request.params.id, holder(request));
    return reply.code(204).header("cache-control", "no-store").send();
  });
  app.get("/v1/realtime", async (_request, reply) =>
    reply
      .code(426)
      .header("upgrade", "websocket")
      .send({ error: { message: "open a WebSocket here" } }),
  );
  if (demoDir !== undefined) {
    await app.register(fastifyStatic, {
      root: demoDir,
      cacheControl: false,
      dotfiles: "ignore",
      setHeaders: (reply, path) => {
        reply.setHeader("cache-control", cacheControl(path));
      },
    });
  }
  return app;
}

/** What fastify refuses before our code sees it, in our words. */
function httpError(thrown: unknown): AloudError {
  const status = thrown instanceof Error && "statusCode" in thrown ? thrown.statusCode : undefined;
  if (status === 413) return new AloudError("message_too_big", `a body of more than ${MAX_BODY_BYTES} bytes`);
  if (status === 415) return new AloudError("unsupported_value", "expected the header Content-Type: application/json");
  if (!(thrown instanceof AloudError) && status === 400) return new AloudError("invalid_value", "the request is not valid HTTP");
  return AloudError.from(thrown);
}
