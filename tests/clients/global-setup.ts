/** One `aloud serve` for a whole run, as an operator runs it: a process with nano, on a free port, that asks everybody for a key; and a test CA. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

export interface Server {
  /** `http://localhost:PORT` */
  readonly url: string;
  readonly key: string;
  /** A certificate of the test CA for `localhost`. */
  readonly tls: { readonly key: string; readonly cert: string };
  /** File with the CA that clients have to trust. */
  readonly caFile: string;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly server: Server;
  }
}

const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));

/** @returns what ends it all @throws Error when the server does not start; what it complained of is above */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), "aloud-clients-"));
  const caFile = join(directory, "ca.pem");
  const certificate = fileURLToPath(new URL("drivers/certificate.mjs", import.meta.url));
  const { ca, ...tls } = JSON.parse(execFileSync(process.execPath, [certificate], { encoding: "utf8" }));
  writeFileSync(caFile, ca);
  const keys = join(directory, "keys.json");
  const made = execFileSync(process.execPath, [program, "key", "tests", "--file", keys], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const child = spawn(process.execPath, [program, "serve", "--port", "0", "--keys", keys, "--log", "warn"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close") as Promise<[number | null, string | null]>;
  const line = new Promise<string>((resolve) => {
    let out = "";
    child.stdout.on("data", (data) => {
      out += data;
      if (out.includes("\n")) resolve(out);
    });
  });
  const ready = await Promise.race([line, ended.then(() => "")]);
  const url = /http:\/\/localhost:\d+/.exec(ready)?.[0];
  if (url === undefined) throw new Error(`aloud serve ended before it was ready, with code ${child.exitCode}; what it said is above`);
  let state: "up" | "closing" = "up";
  void ended.then(([code, signal]) => {
    if (state === "up") console.error(`aloud serve ended in the midst of the tests: ${signal ?? `code ${code}`}`);
  });
  project.provide("server", { url, key: made.trim(), tls, caFile });
  return async () => {
    state = "closing";
    child.kill("SIGTERM");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
}
