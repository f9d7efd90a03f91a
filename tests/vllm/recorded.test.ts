/**
 * The fake is held to what an unmodified vLLM 0.32 was seen to answer (recorded.json): same status, same errors, same events in the same order with the same
 * keys and the same words. Left out of the comparison: ids, times, and token counts, which are compared where a whole sequence was recorded.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toWav } from "../../engine/src/vllm/audio-parts.ts";
import { recordedScript } from "./fake/script.ts";
import { type FakeOptions, type FakeVllm, startFakeVllm } from "./fake/server.ts";

interface Exchange {
  readonly name: string;
  readonly server: string;
  readonly method: string;
  readonly path: string;
  readonly request: unknown;
  readonly request_headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly body?: unknown;
  readonly sse_lines?: readonly string[];
}

const { exchanges } = JSON.parse(readFileSync(new URL("recorded.json", import.meta.url), "utf8")) as { exchanges: Exchange[] };

/** How each recorded server was started (`servers` in recorded.json). */
const SERVERS: Readonly<Record<string, FakeOptions>> = {
  A: { hasParser: false, takesTools: false },
  B: { hasParser: true },
  D: { hasParser: true, think: "text", takesTools: false },
  E: { hasParser: false, think: "text", takesTools: false },
  G: { hasParser: false, takesTools: false, apiKey: "sk-test" },
};

/** Audio was replaced by a note of its length: other audio of that length takes its place, each part of a request another. */
function restore(value: unknown, count = { parts: 0 }): unknown {
  if (Array.isArray(value)) return value.map((item) => restore(item, count));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item, count)]));
  const chars = typeof value === "string" ? /^<base64 wav, (\d+) chars>$/u.exec(value)?.[1] : undefined;
  if (chars === undefined) return value;
  count.parts += 1;
  const samples = Math.floor((Math.floor((Number(chars) * 3) / 4) - 44) / 2);
  return toWav(new Float32Array(samples).fill(count.parts / 100)).toString("base64");
}

const FREE = new Set([
  "id",
  "created",
  "system_fingerprint",
  "root",
  "permission",
  "tokens",
  "prompt_text",
  "prompt_token_ids",
  "token_ids",
]);

/** Without what differs between any two runs. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === "number") return "number";
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, FREE.has(key) ? "free" : comparable(item)]));
}

async function send(fake: FakeVllm, { method, path, request, request_headers }: Exchange): Promise<Response> {
  const body = request === null || method === "GET" ? undefined : typeof request === "string" ? request : JSON.stringify(restore(request));
  return fetch(`${fake.url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...request_headers },
    ...(body !== undefined && { body }),
  });
}

const dataOf = (lines: readonly string[]) =>
  lines.map((line) => (line.startsWith("data: {") ? comparable(JSON.parse(line.slice("data: ".length))) : line));

/** Recorded with something left out, or after something that one request alone does not bring about. */
const APART = /more events|items in all|<18000 chars>/u;
const STATEFUL = /^(?:after_abort|mm_drift|queue_full|too_long_audio)/u;

describe.each(Object.entries(SERVERS))("server %s", (letter, options) => {
  let fake: FakeVllm;
  beforeAll(async () => {
    fake = await startFakeVllm({ ...options, script: recordedScript });
  });
  afterAll(() => fake.kill());
  const own = exchanges.filter(
    ({ server, name, request }) => server === letter && !STATEFUL.test(name) && !APART.test(JSON.stringify(request)),
  );

  test.each(own.map((exchange) => [exchange.name, exchange] as const))("%s", async (_name, exchange) => {
    const response = await send(fake, exchange);
    const text = await response.text();
    expect(response.status).toBe(exchange.status);
    if (exchange.sse_lines !== undefined) {
      const lines = text.split("\n\n").filter((line) => line !== "");
      expect(text.endsWith("\n\n")).toBe(true);
      const cut = exchange.sse_lines.findIndex((line) => APART.test(line));
      const head = cut < 0 ? exchange.sse_lines : exchange.sse_lines.slice(0, cut);
      const tail = cut < 0 ? [] : exchange.sse_lines.slice(cut + 1);
      expect(dataOf(lines.slice(0, cut < 0 ? undefined : cut))).toEqual(dataOf(head));
      if (tail.length > 0) expect(dataOf(lines.slice(-tail.length))).toEqual(dataOf(tail));
    } else if (exchange.body !== undefined && exchange.body !== "") {
      const isWarming = JSON.stringify(exchange.request).includes('"add_generation_prompt":false,"messages"');
      const words = (value: unknown) =>
        isWarming ? JSON.stringify(value).replace(/"(content|reasoning)":(?:"(?:[^"\\]|\\.)*"|null)/gu, '"$1":0') : value;
      expect(words(comparable(JSON.parse(text)))).toEqual(words(comparable(exchange.body)));
    }
  });
});

test("what is cached is counted as it was, from the first part to the answer", async () => {
  const fake = await startFakeVllm({ ...SERVERS.A, script: recordedScript });
  const names = ["warmup_hash_1", "warmup_hash_2", "warmup_hash_3", "warmup_hash_4", "warmup_hash_4_repeat"];
  for (const name of names) {
    const exchange = exchanges.find((known) => known.name === name);
    if (exchange === undefined) throw new Error(`${name} is not recorded`);
    const answer = (await (await send(fake, exchange)).json()) as { usage: unknown };
    expect(answer.usage).toEqual((exchange.body as { usage: unknown }).usage);
  }
  const final = exchanges.find(({ name }) => name === "final_stream_continue_final_message");
  if (final === undefined) throw new Error("the answer is not recorded");
  const usage = (lines: readonly string[]) => JSON.parse(lines.at(-2)?.slice("data: ".length) ?? "{}").usage;
  const lines = (await (await send(fake, final)).text()).split("\n\n").filter((line) => line !== "");
  expect(usage(lines)).toEqual(usage(final.sse_lines ?? []));
  await fake.kill();
});

test.each(["mm_drift_stream", "after_abort_0.04"])("a request that is closed too early makes the next one fail, once: %s", async (name) => {
  const fake = await startFakeVllm({
    ...SERVERS.A,
    script: recordedScript,
    preprocess: () => new Promise((resolve) => setTimeout(resolve, 20)),
  });
  const exchange = exchanges.find((known) => known.name === name);
  if (exchange === undefined) throw new Error(`${name} is not recorded`);
  const early = new AbortController();
  const closed = fetch(`${fake.url}${exchange.path}`, {
    method: "POST",
    body: JSON.stringify(restore(exchange.request)),
    signal: early.signal,
  });
  while (fake.running === 0) await new Promise((resolve) => setImmediate(resolve));
  early.abort();
  await expect(closed).rejects.toThrow();
  while (fake.running > 0) await new Promise((resolve) => setImmediate(resolve));
  const poisoned = await send(fake, exchange);
  expect(poisoned.status).toBe(exchange.status);
  const text = await poisoned.text();
  if (exchange.sse_lines === undefined) expect(JSON.parse(text)).toEqual(exchange.body);
  else expect(text.split("\n\n").slice(-3, -1)).toEqual(exchange.sse_lines.slice(-2));
  const again = await send(fake, exchange);
  expect(again.status).toBe(200);
  expect(await again.text()).not.toContain("error");
  await fake.kill();
});

test("a full queue is refused as it was", async () => {
  const fake = await startFakeVllm({ ...SERVERS.E });
  fake.setBusy(true);
  const exchange = exchanges.find(({ name }) => name === "queue_full_2");
  if (exchange === undefined) throw new Error("a full queue is not recorded");
  const response = await send(fake, exchange);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual(exchange.body);
  await fake.kill();
});
