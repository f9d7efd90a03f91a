/**
 * What an operator can set. The only reader of `process.env` in the gateway; everything else receives a frozen `GatewayConfig`.
 * Caps that nobody should have to set live in limits.ts.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { AloudError } from "@aloud/client/protocol";
import { type DeviceWish, parseDevices } from "@aloud/engine/embedded";
import { MAX_REPLICAS, MAX_SESSION_MS } from "./limits.ts";

/**
 * Which origins may open a socket. Exact matches only. Two words stand for rules: `same` is the page that this gateway
 * serves itself (without keys under loopback names only, so that a rebound DNS name gains nothing), `none` is a client that sends no
 * Origin (not a browser).
 */
export type OriginRule = string;

export interface GatewayConfig {
  /** Address to listen on. Anything but loopback is a decision the operator makes. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly origins: readonly OriginRule[];
  /** Path of the keys file: whoever connects needs a key of it. Undefined: anyone may connect, and the address must be loopback. */
  readonly keysFile: string | undefined;
  readonly maxSessions: number;
  /** How long a session may last. */
  readonly maxSessionMs: number;
  /** How long running turns may take to finish once the gateway drains, in ms. */
  readonly drainMs: number;
  /** Begin the answer at first silence and take it back if speech resumes. */
  readonly speculate: boolean;
  /** Turns in which the model heard no words and the voice was weak get no response. */
  readonly requireWords: boolean;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
}

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new AloudError("invalid_value", `${name}: expected an integer from ${min} to ${max}, got "${text.slice(0, 32)}"`, {
      param: name,
    });
  return value;
}

function onOff(env: NodeJS.ProcessEnv, name: string, fallback: boolean): boolean {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  if (text === "1" || text === "true") return true;
  if (text === "0" || text === "false") return false;
  throw new AloudError("invalid_value", `${name}: expected 0 or 1, got "${text.slice(0, 32)}"`, { param: name });
}

/** Where `aloud key` keeps keys unless told otherwise. */
export function defaultKeysFile(env: NodeJS.ProcessEnv = process.env): string {
  return env.ALOUD_KEYS || join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "aloud", "keys.json");
}

/** The key or client secret with which `aloud talk` connects. */
export function clientKey(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env.ALOUD_KEY || undefined;
}

/**
 * Reads the configuration. `overrides` (the command line) win over the environment, which wins over the defaults.
 * @param defaultLogLevel what a terminal wants to see is less than what a log collector wants
 * @throws AloudError `invalid_value` naming the variable
 */
export function readConfig(
  overrides: Partial<GatewayConfig> = {},
  env: NodeJS.ProcessEnv = process.env,
  defaultLogLevel: GatewayConfig["logLevel"] = "info",
): GatewayConfig {
  const host = overrides.host ?? (env.ALOUD_HOST || "127.0.0.1");
  const keysFile = "keysFile" in overrides ? overrides.keysFile : env.ALOUD_KEYS || undefined;
  const level = env.ALOUD_LOG_LEVEL || defaultLogLevel;
  const logLevel = LOG_LEVELS.find((known) => known === level);
  if (logLevel === undefined)
    throw new AloudError("invalid_value", `ALOUD_LOG_LEVEL: expected ${LOG_LEVELS.join(" or ")}`, { param: "ALOUD_LOG_LEVEL" });
  return Object.freeze({
    host,
    port: integer(env, "ALOUD_PORT", 7860, 0, 65_535),
    origins: env.ALOUD_ORIGINS
      ? env.ALOUD_ORIGINS.split(",").map((origin) => origin.trim())
      : isLoopback(host) || keysFile !== undefined
        ? ["same", "none"]
        : [],
    keysFile,
    maxSessions: integer(env, "ALOUD_MAX_SESSIONS", 100, 1, 100_000),
    maxSessionMs: integer(env, "ALOUD_SESSION_MINUTES", MAX_SESSION_MS / 60_000, 1, 1_440) * 60_000,
    drainMs: integer(env, "ALOUD_DRAIN_MS", 30_000, 0, 3_600_000),
    speculate: onOff(env, "ALOUD_SPECULATE", true),
    requireWords: onOff(env, "ALOUD_REQUIRE_WORDS", true),
    logLevel,
    ...overrides,
  });
}

/** What answers: the model inside this process's child, or one on vLLM servers. */
export type EngineChoice =
  /** Without `modelDir`, nano, which is inside the package. */
  | { readonly engine: "embedded"; readonly modelDir: string | undefined; readonly devices: readonly DeviceWish[] }
  | {
      readonly engine: "vllm";
      readonly urls: readonly string[];
      /** Without it, the first that the server names. */
      readonly model: string | undefined;
      readonly apiKey: string | undefined;
      /** Tokens of a thought after which the answer begins beside it; undefined: the answer waits for the whole thought. */
      readonly thinkAheadTokens: number | undefined;
      /** Gateways with the same one find what their tenants have in the servers' caches. */
      readonly cacheSalt: string | undefined;
    };

export interface EngineFlags {
  readonly engine?: string | undefined;
  readonly model?: string | undefined;
  /** One for each server that serves the model. */
  readonly urls?: readonly string[] | undefined;
  /** `cpu`, `cuda:0`, … as a person writes them, separated by commas. */
  readonly devices?: string | undefined;
  readonly thinkAhead?: string | undefined;
}

/** As many as the largest budget of thinking: beyond it nothing is thought. */
const MAX_THINK_AHEAD = 2_048;

/**
 * Chooses the engine: the command line before the environment (`ALOUD_ENGINE`, `ALOUD_MODEL`, `ALOUD_DEVICES`, `ALOUD_VLLM_URL`, `ALOUD_THINK_AHEAD`; the server's key
 * and the cache's secret only there, as `ALOUD_VLLM_KEY` and `ALOUD_VLLM_CACHE_SALT`).
 * @throws AloudError `invalid_value` naming what is wrong
 */
export function readEngineChoice(flags: EngineFlags, env: NodeJS.ProcessEnv = process.env): EngineChoice {
  const engine = flags.engine ?? (env.ALOUD_ENGINE || "embedded");
  const model = flags.model ?? (env.ALOUD_MODEL || undefined);
  const thinkAheadTokens = readThinkAhead(flags.thinkAhead ?? (env.ALOUD_THINK_AHEAD || "0"));
  if (engine === "embedded") {
    if (flags.urls !== undefined) throw new AloudError("invalid_value", "--url: only --engine vllm has a server", { param: "--url" });
    if (thinkAheadTokens !== undefined)
      throw new AloudError(
        "invalid_value",
        "--think-ahead (or ALOUD_THINK_AHEAD): only --engine vllm thinks and answers at once; the embedded engine does one after the other",
        { param: "--think-ahead" },
      );
    return { engine, modelDir: model, devices: readDevices(flags.devices ?? (env.ALOUD_DEVICES || "cpu")) };
  }
  if (engine !== "vllm")
    throw new AloudError("invalid_value", `--engine (or ALOUD_ENGINE): expected embedded or vllm, got "${engine.slice(0, 32)}"`);
  if (flags.devices !== undefined)
    throw new AloudError("invalid_value", "--device: only --engine embedded has devices here; a vLLM server chooses its own", {
      param: "--device",
    });
  const urls = flags.urls ?? env.ALOUD_VLLM_URL?.split(",") ?? [];
  const apiKey = env.ALOUD_VLLM_KEY || undefined;
  return { engine, urls: readUrls(urls), model, apiKey, thinkAheadTokens, cacheSalt: readCacheSalt(env) };
}

/** Whoever can guess it can ask the servers themselves what is in a tenant's cache. */
const MIN_CACHE_SALT_LENGTH = 16;

function readCacheSalt(env: NodeJS.ProcessEnv): string | undefined {
  const secret = env.ALOUD_VLLM_CACHE_SALT || undefined;
  if (secret !== undefined && secret.length < MIN_CACHE_SALT_LENGTH)
    throw new AloudError(
      "invalid_value",
      `ALOUD_VLLM_CACHE_SALT: expected a secret of at least ${MIN_CACHE_SALT_LENGTH} characters, got ${secret.length}`,
      { param: "ALOUD_VLLM_CACHE_SALT" },
    );
  return secret;
}

/** @returns undefined for 0, which is off */
function readThinkAhead(text: string): number | undefined {
  const tokens = Number(text);
  if (/^\d{1,4}$/u.test(text) && tokens <= MAX_THINK_AHEAD) return tokens === 0 ? undefined : tokens;
  throw new AloudError(
    "invalid_value",
    `--think-ahead (or ALOUD_THINK_AHEAD): expected a number of tokens from 0 (off) to ${MAX_THINK_AHEAD}, got "${text.slice(0, 32)}"`,
    { param: "--think-ahead" },
  );
}

/** The servers' addresses, each once. */
function readUrls(texts: readonly string[]): readonly string[] {
  const urls = texts.map((text) => text.trim()).filter((text) => text !== "");
  if (urls.length === 0)
    throw new AloudError("invalid_value", "--engine vllm: where is the server? Say --url http://HOST:8000 (or ALOUD_VLLM_URL)");
  if (urls.length > MAX_REPLICAS)
    throw new AloudError("invalid_value", `--url (or ALOUD_VLLM_URL): at most ${MAX_REPLICAS} servers, got ${urls.length}`);
  for (const [n, url] of urls.entries()) {
    if (!URL.canParse(url) || !/^https?:$/u.test(new URL(url).protocol))
      throw new AloudError("invalid_value", `--url (or ALOUD_VLLM_URL): expected http://HOST:PORT, got "${url.slice(0, 64)}"`);
    if (urls.findIndex((other) => new URL(other).href === new URL(url).href) < n)
      throw new AloudError("invalid_value", `--url (or ALOUD_VLLM_URL): ${url.slice(0, 64)} is there twice`);
  }
  return urls;
}

/** Which devices the embedded engine is to run on. */
function readDevices(text: string): readonly DeviceWish[] {
  try {
    return parseDevices(text);
  } catch (error) {
    throw new AloudError("invalid_value", `--device (or ALOUD_DEVICES): ${AloudError.from(error).message}`, { param: "--device" });
  }
}
