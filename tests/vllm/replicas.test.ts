/** Several servers for one model: where conversations live, and what servers that are full, or differ, are good for. */
import { openVllmEngine } from "@aloud/engine/vllm";
import { describe, expect, test } from "vitest";
import { converse, expectWholeAnswer, replicasOf, type Server, start, startServer, statesOf, turn, until } from "./replica-set.ts";

describe("a conversation's server", () => {
  test("is the same for every conversation of a session, and its cache is used again", async () => {
    const all = await start(3);
    const homes = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const { conversation, homeId } = await converse(all, { sessionId: "one" });
      homes.add(homeId);
      await conversation.close();
    }
    expect(homes.size).toBe(1);
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 0, 0]);
  });

  test("has no more than a quarter above its share", async () => {
    const all = await start(2);
    for (let n = 0; n < 16; n += 1) await all.engine.open({});
    for (const { conversations } of replicasOf(all.engine)) expect(conversations).toBeLessThanOrEqual(10);
  });

  test("hears all of its requests, warm-ups and answers", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(4_500);
    expectWholeAnswer(await answer());
    expect(home.fake.requests.length).toBeGreaterThan(1);
    expect(other.fake.requests).toEqual([]);
    expect(all.moves).toEqual([]);
  });
});

describe("servers that have too much to do", () => {
  test("are sent no warm-ups, and the answer comes all the same", async () => {
    const all = await start(1);
    all.servers[0]?.fake.setMetrics({ cacheUsage: 0.9 });
    await all.pass(6);
    const { home, hear, answer } = await converse(all);
    await hear(4_500);
    expect(home.fake.requests).toEqual([]);
    expectWholeAnswer(await answer());
  });

  test("are nobody's new home while another is free", async () => {
    const all = await start(2);
    all.servers[0]?.fake.setMetrics({ waiting: 2 });
    await all.pass(6);
    for (let n = 0; n < 4; n += 1) await all.engine.open({});
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 4]);
  });

  test("refuse who is new, with a time to come back; who is there goes on", async () => {
    const all = await start(2);
    const known = await all.engine.open({ sessionId: "known" });
    const { hear, answer } = await converse(all);
    for (const { fake } of all.servers) fake.setMetrics({ cacheUsage: 0.97 });
    await all.pass(6);
    expect(all.engine.status()).toMatchObject({ state: "ready", full: { retryAfterMs: 5_000 } });
    expect(replicasOf(all.engine).map(({ message }) => message?.slice(0, 26))).toEqual(Array(2).fill("takes no new conversations"));
    await expect(all.engine.open({})).rejects.toMatchObject({ code: "engine_busy", retryAfterMs: 5_000 });
    await hear(1_000);
    expectWholeAnswer(await answer());
    await known.close();
    await expect(all.engine.open({ sessionId: "known" })).resolves.toBeDefined();
    for (const { fake } of all.servers) fake.setMetrics({});
    await all.pass(6);
    expect(all.engine.status()).not.toHaveProperty("full");
    await expect(all.engine.open({})).resolves.toBeDefined();
  });

  test("have an answer made elsewhere when they refuse it, and keep the conversation", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000, 1);
    home.fake.setBusy(true);
    expectWholeAnswer(await answer());
    expect(other.fake.requests).toHaveLength(1);
    expect(all.moves).toEqual([]);
    home.fake.setBusy(false);
    home.fake.requests.length = 0;
    await hear(1_000, 2);
    expectWholeAnswer(await answer());
    expect(home.fake.requests.length).toBeGreaterThan(0);
  });

  test.each([
    ["endless", "vllm:num_requests_waiting 99\n".repeat(200_000)],
    ["one line without end", `vllm:num_requests_waiting{${"x".repeat(3_000_000)}`],
    ["no numbers", "vllm:num_requests_waiting{} many\nvllm:kv_cache_usage_perc NaN\n"],
    ["a page", "<html>"],
  ])("are not brought down by /metrics that are %s", async (_what, text) => {
    const all = await start(1);
    const { hear, answer } = await converse(all);
    all.servers[0]?.fake.setMetrics(text);
    await all.pass(6);
    await until(() => all.engine.status().state === "ready");
    await hear(2_500);
    expectWholeAnswer(await answer());
  });
});

describe("servers that differ", () => {
  test("in the model: the second is not used, and the status says so", async () => {
    const all = await start(2, { model: "tiny-audio" }, [{}, { model: "other" }]);
    expect(statesOf(all.engine)).toEqual(["ready", "failed"]);
    for (let n = 0; n < 4; n += 1) await all.engine.open({});
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([4, 0]);
  });

  test("from what is asked for: the engine fails, and says what there is", async () => {
    const { engine } = await start(2, { model: "other" });
    await until(() => engine.status().state === "failed");
    await expect(engine.open({})).rejects.toMatchObject({
      code: "model_invalid",
      message: expect.stringContaining("serves tiny-audio, not other"),
    });
  });

  test("in their context: the smallest is promised", async () => {
    const { engine } = await start(2, {}, [{ contextTokens: 4_096 }, { contextTokens: 2_048 }]);
    expect(engine.info.contextTokens).toBe(2_048);
  });

  test("in tools: what one promises and another lacks is said", async () => {
    const all = await start(2, {}, [{ takesTools: true }, { takesTools: true }]);
    const [first] = all.servers as [Server, Server];
    const port = Number(new URL(first.fake.url).port);
    await first.fake.kill();
    await all.pass(1);
    const { fake: back } = await startServer({ port, takesTools: false });
    await all.pass(3);
    await until(() => statesOf(all.engine)[0] === "failed");
    expect(back.requests.length).toBeGreaterThan(0);
    expect(all.engine.info).not.toHaveProperty("knownTools");
  });
});

test("closing ends every timer and every watch", async () => {
  const all = await start(3);
  await converse(all);
  await all.engine.close();
  for (let n = 0; n < 20; n += 1) await turn();
  expect(all.clock.pending()).toBe(0);
});

test.each([{}, { url: "http://a", urls: ["http://b"] }, { urls: [] }])("%j names no servers", (options) => {
  expect(() => openVllmEngine(options)).toThrow(/expected url or urls/u);
});
