/** The HTTP side: health, readiness, metrics and the demo's files. Knows nothing of sockets or sessions. */
import fastifyStatic from "@fastify/static";
import { fastify } from "fastify";
import type { Registry } from "prom-client";
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
  /** Directory of the demo's built files, absolute; none are served without it. */
  readonly demoDir: string | undefined;
}

export async function createApp({ readiness, metrics, demoDir }: HttpOptions) {
  const app = fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    forceCloseConnections: true,
    trustProxy: false,
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });

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
  app.get("/metrics", async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type(metrics.contentType)
      .send(await metrics.metrics()),
  );
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
