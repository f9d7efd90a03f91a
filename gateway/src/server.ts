/**
 * The gateway: one HTTP server, one WebSocket path, one engine.
 * `openGateway` owns what it opens (VAD worker, decoders, sockets) and closes it; the engine belongs to the caller.
 */
import type { AddressInfo } from "node:net";
import { AloudError } from "@aloud/client/protocol";
import type { Engine } from "@aloud/engine";
import { DecoderPool } from "./audio/decoder-pool.ts";
import { type Access, openAccess } from "./auth/access.ts";
import { type Clock, systemClock } from "./clock.ts";
import { defaultKeysFile, type GatewayConfig, isLoopback } from "./config.ts";
import { createApp, type Readiness } from "./http/app.ts";
import { DECODERS_READY } from "./limits.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createUpgrade } from "./upgrade.ts";
import { openVad, type Vad } from "./vad/vad.ts";

export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** Stays the caller's: the gateway opens and closes conversations on it, never the engine itself. */
  readonly engine: Engine;
  readonly logger: Logger;
  /** Directory of built demo files to serve at `/`. */
  readonly demoDir?: string;
  /** Replaces the Silero worker, for tests. Closed by the gateway. */
  readonly vad?: Vad;
  /** Replaces time, for tests. */
  readonly clock?: Clock;
}

export interface Gateway {
  /** `http://127.0.0.1:7860`, with the port that was really taken. */
  readonly url: string;
  readonly port: number;
  /** Live sessions now. */
  sessions(): number;
  /**
   * Drains and closes: readiness turns red, new sessions are refused, running turns finish within `config.drainMs`, then every
   * socket is closed with 1012. `"now"` skips the wait. Idempotent.
   */
  close(how?: "drain" | "now"): Promise<void>;
}

function readinessOf(engine: Engine, vad: Vad, draining: boolean): Readiness {
  const status = engine.status();
  const model = engine.info.model;
  if (draining) return { ready: false, state: "draining", progress: 1, message: null, model };
  switch (status.state) {
    case "ready":
      if (vad.state() === "down")
        return { ready: false, state: "failed", progress: 1, message: "voice activity detection is being restarted", model };
      return { ready: true, state: "ready", progress: 1, message: null, model };
    case "loading":
      return { ready: false, state: "loading", progress: status.progress, message: status.message, model };
    case "failed":
      return { ready: false, state: "failed", progress: 0, message: status.error.message, model };
    case "closed":
      return { ready: false, state: "failed", progress: 0, message: "the engine is closed", model };
  }
}

/** An address that others reach is no place for a server that lets everybody in. */
function checkKeys({ host, keysFile }: GatewayConfig, access: Access): void {
  if (isLoopback(host) || access.keyCount() > 0) return;
  const file = keysFile ?? defaultKeysFile();
  throw new AloudError(
    "keys_required",
    `will not listen on ${host} without keys, since anyone who reaches it could use it. Make one: npx aloud key --file ${file} ` +
      `and start with it: ALOUD_KEYS=${file} npx aloud serve --host ${host}`,
  );
}

/** Starts listening. Rejects when keys are missing, the port is taken or the VAD cannot start; nothing stays open then. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, engine, logger } = options;
  const clock = options.clock ?? systemClock;
  const access = await openAccess({ keysFile: config.keysFile, clock, logger });
  let vad: Vad;
  try {
    checkKeys(config, access);
    vad = options.vad ?? (await openVad(logger));
  } catch (error) {
    access.close();
    throw error;
  }
  const decoders = new DecoderPool(DECODERS_READY);
  const metrics = createMetrics({ vad, decoders, access, engine, maxSessions: config.maxSessions });
  let closing: Promise<void> | undefined;
  const app = await createApp({
    readiness: () => readinessOf(engine, vad, closing !== undefined),
    metrics: metrics.registry,
    access,
    origins: config.origins,
    model: () => engine.info.model,
    logger,
    demoDir: options.demoDir,
  });
  const upgrade = createUpgrade({ access, config, engine, logger, vad, decoders, metrics, clock });
  app.server.on("upgrade", upgrade.handle);

  const close = async (how: "drain" | "now") => {
    logger.info({ sessions: upgrade.sessions(), how }, "gateway closing");
    await upgrade.close(how === "drain" ? config.drainMs : 0);
    await app.close();
    access.close();
    await vad.close();
    decoders.close();
    metrics.close();
    logger.info("gateway closed");
  };
  try {
    await decoders.warm();
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await close("now");
    throw error;
  }
  const { port } = app.server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  logger.info({ host: config.host, port, model: engine.info.model }, "gateway listening");
  if (config.origins.length === 0)
    logger.warn("no origin is allowed: set ALOUD_ORIGINS (exact origins, `same`, or `none` for clients without one)");
  return {
    url: `http://${host}:${port}`,
    port,
    sessions: upgrade.sessions,
    close: (how = "drain") => {
      closing ??= close(how);
      return closing;
    },
  };
}
