/** Tenants do not find each other's words in a server's prefix cache, and each finds its own wherever it is served. */
import type { ConversationSetup, Engine } from "@aloud/engine";
import { openVllmEngine, type VllmOptions } from "@aloud/engine/vllm";
import { afterEach, expect, test } from "vitest";
import { type FakeVllm, startFakeVllm } from "./fake/server.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function startServer(): Promise<FakeVllm> {
  const fake = await startFakeVllm();
  cleanUp.push(() => fake.kill());
  return fake;
}

function openEngine(fake: FakeVllm, options: Partial<VllmOptions> = {}): Engine {
  const engine = openVllmEngine({ url: fake.url, temperature: 0, retryMs: 5, ...options });
  cleanUp.push(() => engine.close());
  return engine;
}

const INSTRUCTIONS = "Speak of the weather, the wind and the sea only. ".repeat(10);

/** @returns how many tokens of the prompt were in the cache */
async function ask(engine: Engine, setup: Pick<ConversationSetup, "tenant" | "sessionId"> = {}): Promise<number> {
  const conversation = await engine.open({ ...setup, instructions: INSTRUCTIONS });
  await conversation.append({ type: "text", role: "user", text: "hello" });
  const request = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 64 } as const;
  let cached: number | undefined;
  for await (const event of conversation.generate(request, new AbortController().signal)) {
    if (event.type === "end") cached = event.usage.cachedTokens;
  }
  await conversation.close();
  if (cached === undefined) throw new Error("the server did not say what was in its cache");
  return cached;
}

/** Of the conversations' prompts; what the engine asks to know the server is nobody's. */
const saltsOf = ({ requests }: FakeVllm) => {
  const prompts = requests.filter((request) => JSON.stringify(request).includes("the weather"));
  return [...new Set(prompts.map((request) => request.cache_salt))];
};

test("what one tenant has said is not found by another, and is by itself, also in a conversation that is opened anew", async () => {
  const fake = await startServer();
  const engine = openEngine(fake);
  expect(await ask(engine, { tenant: "laptop" })).toBe(0);
  expect(await ask(engine, { tenant: "kiosk" })).toBe(0);
  expect(await ask(engine, { tenant: "laptop" })).toBeGreaterThan(64);
  expect(saltsOf(fake)).toHaveLength(2);
});

test("a salt does not tell whose it is, nor the secret", async () => {
  const fake = await startServer();
  const cacheSalt = "of two gateways and nobody else";
  await ask(openEngine(fake, { cacheSalt }), { tenant: "laptop" });
  const [salt] = saltsOf(fake);
  expect(salt).toMatch(/^[\w-]{43}$/u);
  expect(salt).not.toContain("laptop");
  expect(salt).not.toContain(cacheSalt);
});

test("every server is sent the same salt of a tenant", async () => {
  const fakes = [await startServer(), await startServer()];
  const engine = openVllmEngine({ urls: fakes.map(({ url }) => url), temperature: 0, retryMs: 5 });
  cleanUp.push(() => engine.close());
  for (let session = 0; fakes.some(({ requests }) => requests.length === 0); session += 1) {
    await ask(engine, { tenant: "laptop", sessionId: `${session}` });
  }
  expect(new Set(fakes.flatMap(saltsOf)).size).toBe(1);
});

test("gateways with the same secret share a tenant's cache, others do not", async () => {
  const fake = await startServer();
  const cacheSalt = "of two gateways and nobody else";
  await ask(openEngine(fake, { cacheSalt }), { tenant: "laptop" });
  expect(await ask(openEngine(fake, { cacheSalt }), { tenant: "laptop" })).toBeGreaterThan(64);
  expect(await ask(openEngine(fake, { cacheSalt: `${cacheSalt} else` }), { tenant: "laptop" })).toBe(0);
  expect(await ask(openEngine(fake), { tenant: "laptop" })).toBe(0);
  expect(await ask(openEngine(fake), { tenant: "laptop" })).toBe(0);
});

test("without tenants there is one cache for all, apart from that of others where there is a secret", async () => {
  const fake = await startServer();
  await ask(openEngine(fake));
  expect(saltsOf(fake)).toEqual([undefined]);
  expect(await ask(openEngine(fake))).toBeGreaterThan(64);
  const cacheSalt = "of two gateways and nobody else";
  expect(await ask(openEngine(fake, { cacheSalt }))).toBe(0);
  expect(await ask(openEngine(fake, { cacheSalt }))).toBeGreaterThan(64);
});

test("a tenant without a name is one of its own, with a salt that servers take", async () => {
  const fake = await startServer();
  const engine = openEngine(fake);
  await ask(engine, { tenant: "" });
  expect(saltsOf(fake)).toEqual([expect.stringMatching(/^[\w-]{43}$/u)]);
});

test("an empty secret is refused: it would keep nobody apart", () => {
  expect(() => openVllmEngine({ url: "http://127.0.0.1:9", cacheSalt: "" })).toThrow(/^cacheSalt: expected a secret/u);
});
