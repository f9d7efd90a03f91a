/** One of several servers is killed, at every stage of a turn: the turn completes on another, once, with no mixed text. */
import { describe, expect, test } from "vitest";
import { startFakeVllm } from "./fake/server.ts";
import {
  cleanUp,
  collect,
  converse,
  expectWholeAnswer,
  lastPrefill,
  NEVER,
  partsOf,
  REQUEST,
  replicasOf,
  start,
  statesOf,
  turn,
  until,
} from "./replica-set.ts";

describe("a server that is killed", () => {
  test("during a warm-up: the other is given all of the audio", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(2_500, 1);
    home.onAudio = () => new Promise(() => {});
    const heard = hear(2_500, 2);
    await until(() => home.fake.running > 0);
    await home.fake.kill();
    await expect(heard).resolves.toMatchObject({ tokens: expect.any(Number) });
    expect(partsOf(other.fake.requests[0])).toBe(partsOf(home.fake.requests.at(-1)));
    expectWholeAnswer(await answer());
    expect(all.moves).toMatchObject([{ reason: "failover" }]);
    // Counted where it was, for whoever looks on.
    const status = all.engine.status();
    const counts = new Map("devices" in status ? status.devices?.map(({ id, losses, moves }) => [id, [losses, moves?.failover]]) : []);
    expect(counts.get(all.moves[0]?.from ?? "")).toEqual([1, 1]);
    expect(counts.get(all.moves[0]?.to ?? "")).toEqual([0, 0]);
  });

  test("before its headers: nobody notices", async () => {
    const all = await start(2);
    const { home, other, hear, conversation } = await converse(all);
    await hear(1_000);
    home.onAudio = () => new Promise(() => {});
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await until(() => home.fake.running > 0);
    await home.fake.kill();
    expectWholeAnswer(await answered);
    expect(lastPrefill(other)).toBe("<think>\n");
  });

  test.each([
    ["in the middle of a thought", 9, /^<think>\nThe speaker sounds[^<]*$/u],
    ["in the middle of an answer", 32, /<\/think>\n\nSure/u],
  ])("%s: the other goes on from what has come", async (_when, at, prefill) => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === at) await home.fake.kill();
      // What was written has left before.
      await turn();
      await turn();
    };
    const events = await answer();
    expectWholeAnswer(events);
    expect(other.fake.requests).toHaveLength(1);
    expect(lastPrefill(other)).toMatch(prefill);
    expect(all.moves).toMatchObject([{ reason: "failover" }]);
    await until(() => statesOf(all.engine).includes("loading"));
  });

  test.each([3, 8, 14, 21, 25, 26, 27, 28, 33, 38, 41])("at token %i: no word is lost, none comes twice", async (at) => {
    const all = await start(2, {}, [
      { hasParser: false, think: "text" },
      { hasParser: false, think: "text" },
    ]);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === at) await home.fake.kill();
      await turn();
    };
    expectWholeAnswer(await answer());
  });

  test("between two turns: the next one knows what was said", async () => {
    const all = await start(2);
    const { home, other, hear, answer } = await converse(all);
    await hear(1_000, 1);
    expectWholeAnswer(await answer());
    await home.fake.kill();
    await hear(1_000, 2);
    expectWholeAnswer(await answer());
    expect(partsOf(other.fake.requests.at(-1))).toBe(2);
    expect(JSON.stringify(other.fake.requests.at(-1))).toContain("Sure! ");
  });

  test("twice in one answer: it goes on a third time", async () => {
    const all = await start(3);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    for (const server of all.servers) {
      server.onToken = async () => {
        tokens += 1;
        if (tokens === 10 || tokens === 20) await server.fake.kill();
        await turn();
        await turn();
      };
    }
    expectWholeAnswer(await answer());
    expect(all.moves).toHaveLength(2);
  });

  test("by the request itself: it reaches no more than three", async () => {
    const all = await start(5);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    for (const server of all.servers) {
      server.onAudio = async () => {
        await server.fake.kill();
      };
    }
    await expect(answer()).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(all.servers.filter(({ fake }) => fake.requests.length > 0)).toHaveLength(3);
  });

  test("with a tool call on its lips: it is called once", async () => {
    const all = await start(2);
    const { home, hear, conversation, answer } = await converse(all, { tools: [{ name: "set_light" }] });
    await hear(1_000);
    await conversation.append({ type: "text", role: "user", text: "light please" });
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === 28) await home.fake.kill();
      await turn();
      await turn();
    };
    const events = await answer();
    expect(events.filter(({ type }) => type === "tool_call")).toEqual([
      { type: "tool_call", name: "set_light", arguments: '{"on": true}' },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "end", reason: "stop" });
    expect(all.moves).toHaveLength(1);
  });
});

describe("when every server is gone", () => {
  test("the status says so, who waits goes on when one is back, and conversations do not count for ever", async () => {
    const all = await start(2);
    const { hear, answer } = await converse(all);
    await hear(1_000);
    await Promise.all(all.servers.map(({ fake }) => fake.kill()));
    await expect(answer()).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(all.engine.status()).toMatchObject({ state: "loading", message: "waiting for one of 2 vLLM servers to come back" });
    expect(statesOf(all.engine)).toEqual(["loading", "loading"]);
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 0]);
    const opened = all.engine.open({});
    const port = Number(new URL(all.servers[1]?.fake.url ?? "").port);
    cleanUp.push(await startFakeVllm({ port }).then((back) => () => back.kill()));
    await all.pass(2);
    const next = await opened;
    await next.append({ type: "text", role: "user", text: "hello" });
    expectWholeAnswer(await collect(next.generate(REQUEST, NEVER)));
    expect(statesOf(all.engine)).toEqual(["loading", "ready"]);
  });

  test("an only server whose connection breaks in the middle is asked for the rest", async () => {
    const all = await start(1);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      if (tokens === 34) home.fake.breakConnections();
      await turn();
      await turn();
    };
    expectWholeAnswer(await answer());
    expect(lastPrefill(home)).toMatch(/<\/think>\n\nSure/u);
  });
});
