/** Programs that try what deploy/ holds, where they are installed (.ci/run installs them). Tests that need one say in their name that they are skipped. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

function works(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Compose as one command: a plugin of docker's, or a program of its own. Version 2.24 or newer, for `!reset`. */
const COMPOSE = works("docker-compose", "version")
  ? ["docker-compose"]
  : works("docker", "compose", "version")
    ? ["docker", "compose"]
    : [];

export const has = {
  compose: COMPOSE.length > 0,
  hadolint: works("hadolint", "--version"),
  caddy: works("caddy", "version"),
  promtool: works("promtool", "--version"),
  prometheus: works("prometheus", "--version"),
};

/** For a test's name. */
export function unless(there: boolean, what: string): string {
  return there ? "" : ` (SKIPPED: no ${what})`;
}

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target?: string };
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly { readonly host_ip?: string; readonly target: number; readonly published: string }[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string; readonly read_only?: boolean }[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly options: Readonly<Record<string, string>> };
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly shm_size?: string;
  readonly network_mode?: string;
  readonly deploy?: {
    readonly resources: {
      readonly limits?: { readonly memory: string; readonly pids: number };
      readonly reservations?: { readonly devices: readonly { readonly driver: string; readonly device_ids: readonly string[] }[] };
    };
  };
  readonly secrets?: readonly { readonly source: string }[];
  readonly profiles?: readonly string[];
}

/**
 * Files of deploy/compose merged by compose itself, which checks them against its schema, with .env.example as the settings.
 * @throws what compose says
 */
export function merged(files: readonly string[], env: Readonly<Record<string, string>> = {}): Readonly<Record<string, ComposeService>> {
  const [program = "", ...words] = COMPOSE;
  const args = [...words, "--env-file", "deploy/compose/.env.example", "--profile", "*"];
  for (const file of files) args.push("-f", `deploy/compose/${file}`);
  // `$$` stays as it is written: what a container gets has one of them.
  const text = execFileSync(program, [...args, "config", "--format", "json"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  return (JSON.parse(text) as { services: Record<string, ComposeService> }).services;
}

/** A program that runs for the length of a test. */
export interface Running {
  /** What it has said, for the message of a failure. */
  readonly said: () => string;
  stop(): Promise<void>;
}

export function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH ?? "", ...env } });
  let said = "";
  const hear = (data: Buffer) => {
    said = (said + data).slice(-MOST_SAID);
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      said += error.message;
      resolve();
    });
  });
  return {
    said: () => said,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
const MOST_SAID = 20_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Asks again and again until there is an answer; the test's own time limit is the bound. @throws what the program said, when it is given up */
export async function eventually<T>(signal: AbortSignal, running: Running, ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (signal.aborted) throw new Error(`given up; it said: ${running.said()}`);
    await pause(ASK_AGAIN_MS);
  }
}
const ASK_AGAIN_MS = 50;
