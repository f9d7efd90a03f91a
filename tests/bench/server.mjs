/** A server of its own for a benchmark: `aloud serve` on a free port, in its own process. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const bin = createRequire(import.meta.url)
  .resolve("@aloud/gateway")
  .replace(/dist.*/, "bin/aloud.js");

/**
 * @param {Record<string, string>} env settings on top of the defaults
 * @returns {Promise<{url: string, socketUrl: string, pid: number, stop: () => Promise<unknown>}>} once the model is loaded
 */
export async function startServer(env = {}) {
  const stdio = ["ignore", "pipe", "inherit"];
  const child = spawn(process.execPath, [bin, "serve", "--port", "0", "--log", "error"], { stdio, env: { ...process.env, ...env } });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url === undefined) continue;
    const stop = () => {
      child.kill("SIGTERM");
      return exited;
    };
    return { url, socketUrl: `${url.replace("http", "ws")}/v1/realtime`, pid: child.pid, stop };
  }
  throw new Error("the server ended before it was ready");
}
