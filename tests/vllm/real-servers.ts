/** What tests know of the real servers that `npm run test:vllm` starts, and do to them. Real servers take real time: `until` looks again and again. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { SAMPLE_RATE_HZ } from "@aloud/engine";
import { createDecoder } from "libopus-wasm";
import { readClip } from "../../gateway/src/cli/clip/clip.ts";

/** Empty when none are there, as in the quick suite. */
export const urls = (process.env.ALOUD_TEST_VLLM_URLS ?? "").split(",").filter((url) => url !== "");
const groups = (process.env.ALOUD_TEST_VLLM_GROUPS ?? "").split(",");
/** At once on one server; more wait (run.mjs). */
export const MAX_RUNNING = 4;

const EVERY_MS = 100;
const MOST_MS = 180_000;

export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = performance.now() + MOST_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`it did not come about within ${MOST_MS} ms: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** The sum of a metric's samples; `labels` is what they have in their braces. 0 where there is none. */
export async function metric(url: string, name: string, labels = ""): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`vllm:${name}{`) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

export const isUp = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );

/** Every process of the server at once, as when the machine loses power. It is started again by whoever runs it. */
export function kill(url: string): void {
  process.kill(-Number(readFileSync(groups[urls.indexOf(url)] ?? "", "utf8")), "SIGKILL");
}

export interface Hog {
  release(): void;
}

/** Requests that generate until they are released, so that the server has that much to do. */
export function occupy(url: string, requests: number): Hog {
  const stop = new AbortController();
  for (let n = 0; n < requests; n += 1) {
    const body = JSON.stringify({
      model: "tiny-audio",
      prompt: `words ${n}`,
      max_tokens: 4_000,
      ignore_eos: true,
      stream: true,
      priority: 0,
    });
    fetch(`${url}/v1/completions`, { method: "POST", headers: { "content-type": "application/json" }, body, signal: stop.signal })
      .then(async (response) => {
        for await (const _ of response.body ?? []);
      })
      .catch(() => undefined);
  }
  return { release: () => stop.abort() };
}

export interface Answered {
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

/** Stands before a server and notes what it says of the prompts that it answers; warm-ups are no answers. */
export async function tap(url: string): Promise<{ readonly url: string; readonly answered: Answered[]; stop(): void }> {
  const answered: Answered[] = [];
  const last = (text: string, field: string) => Number([...text.matchAll(new RegExp(`"${field}":(\\d+)`, "gu"))].at(-1)?.[1] ?? 0);
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const stop = new AbortController();
    response.on("close", () => stop.abort());
    try {
      const headers = { "content-type": "application/json" };
      const init = { method: request.method ?? "GET", headers, signal: stop.signal, ...(body.length > 0 && { body }) };
      const from = await fetch(`${url}${request.url}`, init);
      response.writeHead(from.status, { "content-type": from.headers.get("content-type") ?? "" });
      let text = "";
      for await (const chunk of from.body ?? []) {
        text += Buffer.from(chunk).toString();
        response.write(chunk);
      }
      response.end();
      const isAnswer = request.url === "/v1/chat/completions" && last(body.toString(), "max_tokens") > 1;
      if (isAnswer) answered.push({ promptTokens: last(text, "prompt_tokens"), cachedTokens: last(text, "cached_tokens") });
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answered, stop };
}

/** `aloud serve` in front of servers, as an operator runs it. */
export async function serve(servers: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));
  const args = ["serve", "--engine", "vllm", "--log", "error", "--port", "0", ...servers.flatMap((url) => ["--url", url])];
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  const url = await until(() => /http:\/\/localhost:\d+/u.exec(out)?.[0]);
  return { url, stop: () => child.kill("SIGKILL") };
}

/** A recording of somebody who speaks for `seconds`, at 16 kHz. */
export async function recording(seconds: number): Promise<Float32Array> {
  const file = new URL("../fixtures/long-20s.opus", import.meta.url).pathname;
  const decoder = await createDecoder({ sampleRate: SAMPLE_RATE_HZ, channels: 1 });
  const frames = (await readClip(file)).map(({ packet }) => decoder.decodeFloat(packet).slice());
  decoder.free();
  return Float32Array.from(frames.flatMap((frame) => [...frame])).subarray(0, seconds * SAMPLE_RATE_HZ);
}
