/** Several vLLM servers behind a gateway: what a client sees of a server's death, and who is let in. */
import { openVllmEngine } from "@aloud/engine/vllm";
import { afterEach, describe, expect, test } from "vitest";
import { createLogger, openGateway, readConfig } from "../../gateway/src/index.ts";
import { WireClient, type WireEvent } from "../helpers/client.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";
import { type FakeVllm, startFakeVllm } from "./fake/server.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function start() {
  const onToken: ((n: number) => void)[] = [];
  const fakes: FakeVllm[] = [];
  for (let n = 0; n < 2; n += 1) {
    let tokens = 0;
    const pace = async () => {
      onToken[n]?.(++tokens);
      // What was written has left before.
      await turn();
      await turn();
    };
    fakes.push(await startFakeVllm({ pace }));
  }
  const clock = new VirtualClock();
  const engine = openVllmEngine({ urls: fakes.map(({ url }) => url), temperature: 0, clock });
  const gateway = await openGateway({ config: readConfig({ port: 0 }, {}), engine, logger: createLogger("silent") });
  cleanUp.push(
    () => Promise.all(fakes.map((fake) => fake.kill())),
    () => engine.close(),
    () => gateway.close("now"),
  );
  const devices = () => {
    const status = engine.status();
    return "devices" in status ? (status.devices ?? []) : [];
  };
  clock.advance(0);
  while (!devices().every(({ state }) => state === "ready")) await turn();
  return { fakes, clock, engine, gateway, devices, onToken };
}

function ask(client: WireClient, text = "hello"): void {
  client.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  });
  client.send({ type: "response.create", response: {} });
}

const answerOf = (event: WireEvent): string => event.response.output.at(-1).content[0].text;

describe("a server that is killed while it answers", () => {
  test.each([
    ["thinking", 12],
    ["answering", 34],
  ])("%s: the response is completed once, its deltas are its text", async (_when, at) => {
    const { fakes, devices, gateway, onToken } = await start();
    const client = await WireClient.open(gateway.url, ["aloud.v1"]);
    onToken[0] = onToken[1] = () => {};
    ask(client);
    const undisturbed = await client.wait("response.done");
    const home = devices().findIndex(({ conversations }) => conversations > 0);
    let tokens = 0;
    onToken[home] = () => {
      tokens += 1;
      if (tokens === at) void fakes[home]?.kill();
    };
    ask(client);
    const done = await client.wait("response.done", 2);
    expect(done.response.status).toBe("completed");
    const deltas = (type: string) =>
      client
        .all(type)
        .filter(({ response_id }) => response_id === done.response.id)
        .map(({ delta }) => delta)
        .join("");
    expect(deltas("response.output_text.delta")).toBe(answerOf(done));
    // The model names the prompt in one word, and the prompt is another one.
    const shape = (text: string) => text.replace(/! \w+ looks/u, "! X looks");
    expect(shape(answerOf(done))).toBe(shape(answerOf(undisturbed)));
    expect(deltas("response.reasoning_text.delta")).toMatch(/^The speaker sounds calm and asks about \w+\. Pitch .* briefly$/u);
    expect(client.all("response.reasoning_text.delta").every(({ heuristic }) => heuristic === true)).toBe(true);
    expect(client.count("response.done")).toBe(2);
    expect(client.all("error")).toEqual([]);
    const status = await client.wait("aloud.engine.status", client.count("aloud.engine.status"));
    expect(status.state).toBe("ready");
    expect(status.devices.map(({ state }: { state: string }) => state).sort()).toEqual(["loading", "ready"]);
  });
});

test("a response tells the server's own count of what its cache held, a stock client in the usage only", async () => {
  const { gateway } = await start();
  for (const dialect of [["aloud.v1"], ["realtime"]]) {
    const client = await WireClient.open(gateway.url, dialect);
    for (let turns = 1; turns <= 3; turns += 1) {
      ask(client, "tell me something long about the weather, the wind and the sea, and then about the mountains behind them");
      await client.wait("response.done", turns);
    }
    const { usage, timing } = client.all("response.done")[2]?.response ?? {};
    const { cached_tokens: cached, cached_tokens_details: parts } = usage.input_token_details;
    expect(cached).toBeGreaterThan(0);
    // Whole blocks, as the server counts.
    expect(cached % 32).toBe(0);
    expect(parts.text_tokens + parts.audio_tokens).toBe(cached);
    expect(timing?.cached_tokens).toBe(dialect[0] === "aloud.v1" ? cached : undefined);
    await client.close();
  }
});

test("the death of every server is told, and so is that one is back", async () => {
  const { fakes, clock, engine, gateway } = await start();
  const client = await WireClient.open(gateway.url, ["aloud.v1"]);
  await Promise.all(fakes.map((fake) => fake.kill()));
  while (engine.status().state === "ready") {
    clock.advance(500);
    for (let turns = 0; turns < 20; turns += 1) await turn();
  }
  await client.until(() => client.all("aloud.engine.status").at(-1)?.state === "loading", "status loading");
  expect(client.all("aloud.engine.status").at(-1)?.message).toBe("waiting for one of 2 vLLM servers to come back");
  const port = Number(new URL(fakes[0]?.url ?? "").port);
  const back = await startFakeVllm({ port });
  cleanUp.push(() => back.kill());
  ask(client);
  while (engine.status().state !== "ready") {
    clock.advance(500);
    await turn();
  }
  expect((await client.wait("response.done")).response.status).toBe("completed");
  expect(client.all("aloud.engine.status").at(-1)).toMatchObject({ state: "ready" });
});

test("clients are told which server fails, and never where it is", async () => {
  const { fakes, clock, devices, gateway } = await start();
  const client = await WireClient.open(gateway.url, ["aloud.v1"]);
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      clock.advance(500);
      for (let turns = 0; turns < 20; turns += 1) await turn();
    }
  };
  expect(devices().map(({ address }) => address)).toEqual(fakes.map(({ url }) => url));
  await fakes[1]?.kill();
  await until(() => devices()[1]?.state === "loading");
  const other = await startFakeVllm({ model: "other", port: Number(new URL(fakes[1]?.url ?? "").port) });
  cleanUp.push(() => other.kill());
  await until(() => devices()[1]?.state === "failed");
  fakes[0]?.setBusy(true);
  ask(client);
  const { error } = (await client.wait("response.done")).response.status_details;
  expect(error).toMatchObject({ code: "engine_busy", message: "vLLM server 1 of 2 answered with status 503" });
  expect(client.all("aloud.engine.status").at(-1)?.devices[1]).toMatchObject({
    id: "vllm:1",
    message: "vLLM server 2 of 2 serves other, not tiny-audio",
  });
  const seen = JSON.stringify(client.events) + (await (await fetch(`${gateway.url}/readyz`)).text());
  for (const { url } of fakes) expect(seen).not.toContain(new URL(url).host);
});

test("nobody is let in while every server is full, and who is in goes on", async () => {
  const { fakes, clock, engine, gateway } = await start();
  const inside = await WireClient.open(gateway.url, ["aloud.v1"]);
  for (const fake of fakes) fake.setMetrics({ cacheUsage: 0.97 });
  const isFull = () => {
    const status = engine.status();
    return status.state === "ready" && status.full !== undefined;
  };
  const until = async (full: boolean) => {
    while (isFull() !== full) {
      clock.advance(500);
      for (let turns = 0; turns < 20; turns += 1) await turn();
    }
  };
  await until(true);
  await expect(WireClient.open(gateway.url, ["aloud.v1"])).rejects.toThrow(/HTTP 503 .*"retry-after":"5"/u);
  const scraped = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(scraped).toContain("aloud_engine_full 1");
  expect(scraped).toContain('aloud_engine_device_ready{device="vllm:1"} 1');
  expect(inside.all("aloud.engine.status").at(-1)).toMatchObject({ state: "busy" });
  for (const fake of fakes) fake.setMetrics({});
  await until(false);
  await (await WireClient.open(gateway.url, ["aloud.v1"])).close();
  ask(inside);
  expect((await inside.wait("response.done")).response.status).toBe("completed");
});
