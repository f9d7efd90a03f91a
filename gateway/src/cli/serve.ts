/** `aloud serve`: the gateway, an engine and the page, until it is told to stop. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AloudError } from "@aloud/client/protocol";
import type { Engine } from "@aloud/engine";
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { openVllmEngine } from "@aloud/engine/vllm";
import { destination } from "pino";
import { type EngineChoice, type EngineFlags, type GatewayConfig, readConfig, readEngineChoice } from "../config.ts";
import { createLogger, type Logger } from "../log.ts";
import { openGateway } from "../server.ts";
import { logDevices, seeDevices } from "./devices.ts";

export const SERVE_HELP = `aloud serve: listen for voice sessions and serve the page

  --port N      port to listen on (default 7860, or ALOUD_PORT; 0 takes any free one)
  --host ADDR   address to listen on (default 127.0.0.1, or ALOUD_HOST); one that others reach needs keys
  --keys FILE   let in only who has a key of this file (or ALOUD_KEYS); aloud key makes it
  --engine E    embedded: the model runs here (default); vllm: on a vLLM server (or ALOUD_ENGINE)
  --url URL     of the vLLM server, such as http://gpu:8000 (or ALOUD_VLLM_URL; its key: ALOUD_VLLM_KEY);
                of several that serve the same model: once each, or separated by commas
  --model M     embedded: model directory (default: nano, which is inside the package);
                vllm: the served model's name (default: the first); or ALOUD_MODEL
  --think-ahead N  vllm: begin the answer when a thought has N tokens, and go on thinking beside it
                (default 0: answer when the thought is over; or ALOUD_THINK_AHEAD)
  --device D    embedded: where the model runs, one process each (default cpu, or ALOUD_DEVICES):
                cpu, cpu*2 (two processes), cuda:0, cuda (every GPU) or auto; several: cpu,cuda:0
  --log LEVEL   fatal, error, warn, info, debug or trace (default: warn in a terminal, else info)

Stop with Ctrl-C: running turns are finished first; a second Ctrl-C stops at once.`;

/** Where the built page lies: beside this workspace. */
const demoDir = fileURLToPath(new URL("../../../demo/dist", import.meta.url));

export interface ServeArgs {
  readonly config: Partial<GatewayConfig>;
  readonly engine: EngineFlags;
}

/** @throws AloudError `invalid_value` naming the flag */
export function parseServeArgs(args: readonly string[]): ServeArgs | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", short: "p" },
      host: { type: "string" },
      keys: { type: "string" },
      engine: { type: "string" },
      url: { type: "string", multiple: true },
      model: { type: "string" },
      device: { type: "string", multiple: true },
      "think-ahead": { type: "string" },
      log: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  return {
    config: {
      ...(values.port !== undefined && { port: parsePort(values.port) }),
      ...(values.host !== undefined && { host: values.host }),
      ...(values.keys !== undefined && { keysFile: values.keys }),
      ...(values.log !== undefined && { logLevel: parseLevel(values.log) }),
    },
    engine: {
      engine: values.engine,
      urls: values.url?.flatMap((text) => text.split(",")),
      model: values.model,
      devices: values.device?.join(","),
      thinkAhead: values["think-ahead"],
    },
  };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new AloudError("invalid_value", `--port: expected a number from 0 to 65535, got "${text}"`);
  return port;
}

function parseLevel(text: string): GatewayConfig["logLevel"] {
  const level = (["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const).find((known) => known === text);
  if (level === undefined) throw new AloudError("invalid_value", `--log: expected fatal, error, warn, info, debug or trace, got "${text}"`);
  return level;
}

/** Runs until a signal; resolves with the exit code. */
export async function serve(args: readonly string[]): Promise<number> {
  const parsed = parseServeArgs(args);
  if (parsed === "help") {
    console.log(SERVE_HELP);
    return 0;
  }
  const config = readConfig(parsed.config, process.env, process.stderr.isTTY ? "warn" : "info");
  const logger = createLogger(config.logLevel, destination({ dest: 2, sync: true }));
  const startedAt = performance.now();
  const engine = await openEngine(readEngineChoice(parsed.engine, process.env), config.maxSessions, logger);
  const stopLogging = logDevices(engine, logger);
  try {
    const gateway = await openGateway({ config, engine, logger, ...(existsSync(demoDir) && { demoDir }) }).catch((error: unknown) => {
      throw listenError(error, config);
    });
    try {
      const stopped = stopSignal(() => gateway.close("now"));
      if ((await Promise.race([untilLoaded(engine), stopped])) === "loaded") {
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        console.log(`Aloud is ready on ${displayUrl(config.host, gateway.port)} (model ${engine.info.model}, ${seconds} s; Ctrl-C stops)`);
        await stopped;
      }
    } finally {
      await gateway.close();
    }
  } finally {
    stopLogging();
    await engine.close();
  }
  return 0;
}

async function openEngine(choice: EngineChoice, maxConversations: number, logger: Logger): Promise<Engine> {
  if (choice.engine === "embedded") {
    const devices = await seeDevices(choice.devices, choice.modelDir);
    return openEmbeddedEngine({ maxConversations, devices, ...(choice.modelDir !== undefined && { modelDir: choice.modelDir }) });
  }
  const { urls, model, apiKey, thinkAheadTokens, cacheSalt } = choice;
  return openVllmEngine({
    urls,
    maxConversations,
    onMove: (move) => logger[move.reason === "failover" ? "warn" : "info"](move, "conversation moved"),
    ...(model !== undefined && { model }),
    ...(apiKey !== undefined && { apiKey }),
    ...(thinkAheadTokens !== undefined && { thinkAheadTokens }),
    ...(cacheSalt !== undefined && { cacheSalt }),
  });
}

/** Resolves when the model is loaded. @throws what loading failed with */
async function untilLoaded(engine: Engine): Promise<"loaded"> {
  let unwatch = () => {};
  try {
    return await new Promise((resolve, reject) => {
      const check = () => {
        const status = engine.status();
        if (status.state === "ready") resolve("loaded");
        if (status.state === "failed") reject(status.error);
      };
      unwatch = engine.watch(check);
      check();
    });
  } finally {
    unwatch();
  }
}

/** Resolves at the first SIGINT or SIGTERM; a second one calls `force`. */
function stopSignal(force: () => Promise<void>): Promise<"stopped"> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = () => {
      signals += 1;
      resolve("stopped");
      if (signals > 1) void force();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

function listenError(error: unknown, config: GatewayConfig): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return new Error(`port ${config.port} is taken; choose another with --port N`);
  if (code === "EACCES") return new Error(`port ${config.port} needs more rights; choose one above 1023 with --port N`);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return new Error(`this machine has no address ${config.host}; choose another with --host`);
  return error;
}

function displayUrl(host: string, port: number): string {
  const name = host === "127.0.0.1" || host === "::1" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
