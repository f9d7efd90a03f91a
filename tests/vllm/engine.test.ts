/** What the vLLM engine does when a server, or a model, does not behave. */
import type { ConversationSetup, GenerateEvent, GenerateRequest } from "@aloud/engine";
import { openVllmEngine, type PromptReport, type VllmOptions } from "@aloud/engine/vllm";
import { afterEach, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { toWav } from "../../engine/src/vllm/audio-parts.ts";
import { type FakeOptions, type FakeVllm, startFakeVllm } from "./fake/server.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 64 };
const NEVER = new AbortController().signal;
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

async function open(fakeOptions: FakeOptions = {}, options: Partial<VllmOptions> = {}, setup: ConversationSetup = {}) {
  const fake: FakeVllm = await startFakeVllm(fakeOptions);
  const engine = openVllmEngine({ url: fake.url, temperature: 0, retryMs: 5, ...options });
  cleanUp.push(
    () => fake.kill(),
    () => engine.close(),
  );
  const conversation = await engine.open(setup);
  fake.requests.length = 0;
  return {
    fake,
    engine,
    conversation,
    hear: (ms: number, seed = 1) => conversation.append({ type: "audio", samples: pseudoSpeech(ms, seed) }),
  };
}

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const textOf = (events: readonly GenerateEvent[], ...channels: string[]) =>
  events.map((event) => (event.type === "delta" && channels.includes(event.channel) ? event.text : "")).join("");
const endOf = (events: readonly GenerateEvent[]) => {
  const last = events.at(-1);
  if (last?.type !== "end") throw new Error("the last event is no end");
  return last;
};
const partsOf = (request: unknown) => JSON.stringify(request).match(/"input_audio":\{/gu)?.length ?? 0;

test("speech is prefilled part by part while it goes on, and the answer finds it", async () => {
  const reports: { promptTokens: number; cachedTokens?: number }[] = [];
  const { fake, conversation, hear } = await open({}, { onPrompt: (report) => reports.push(report) });
  for (let n = 0; n < 5; n += 1) await hear(2_000, n);
  const events = await collect(conversation.generate(REQUEST, NEVER));
  expect(fake.requests.map((request) => request.max_tokens)).toEqual([1, 1, 1, 1, 1, 128]);
  expect(fake.requests.map(partsOf)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(fake.requests.every((request) => request.stream === true)).toBe(true);
  expect(reports[0]?.cachedTokens).toBeGreaterThan(0.75 * (reports[0]?.promptTokens ?? 0));
  expect(endOf(events).usage.prefilledTokens).toBeGreaterThan(0.75 * endOf(events).usage.promptTokens);
  expect(endOf(events).usage.cachedTokens).toBe(reports[0]?.cachedTokens);
});

test("in a pause the prompt is prefilled as the answer would be asked for, and once", async () => {
  const reports: PromptReport[] = [];
  const { fake, conversation } = await open({}, { onPrompt: (report) => reports.push(report) });
  const quiet = (ms: number) => ({ type: "audio", samples: new Float32Array(16 * ms) }) as const;
  await conversation.append({ type: "audio", samples: new Float32Array(40_000).map((_, n) => 0.3 * Math.sin(n / 10)) });
  const before = fake.requests.length;
  await conversation.append(quiet(140));
  await conversation.append(quiet(300));
  await collect(conversation.generate(REQUEST, NEVER));
  const [warmUp, answer, ...others] = fake.requests.slice(before);
  expect(others).toEqual([]);
  expect(warmUp).toMatchObject({ max_tokens: 1 });
  expect(answer?.messages).toEqual(warmUp?.messages);
  expect(partsOf(answer)).toBe(2);
  // Of a prompt that is all there, whole blocks but the last token.
  const [{ promptTokens, cachedTokens } = { promptTokens: 0 }] = reports;
  expect(cachedTokens).toBe(32 * Math.floor((promptTokens - 1) / 32));
});

test("thoughts go to both channels, and say that it was guessed", async () => {
  const { conversation, hear } = await open();
  await hear(1_000);
  const events = await collect(conversation.generate(REQUEST, NEVER));
  expect(textOf(events, "acoustic")).toContain("Pitch falls");
  expect(textOf(events, "semantic", "acoustic")).toMatch(/^The speaker sounds calm and asks about \w+\. Pitch falls/u);
  expect(events.filter((event) => event.type === "delta" && event.channel !== "answer").every((event) => "isHeuristic" in event)).toBe(
    true,
  );
});

test.each([[{ hasParser: true }], [{ hasParser: false, think: "text" }]] as const)(
  "thinking beyond its budget is closed, and the answer comes whole: %j",
  async (options) => {
    const { fake, conversation, hear } = await open(options);
    await hear(1_000);
    const events = await collect(conversation.generate({ ...REQUEST, maxThinkTokens: 5 }, NEVER));
    expect(endOf(events)).toMatchObject({ reason: "stop", usage: { thinkTokens: 5 } });
    expect(textOf(events, "semantic", "acoustic")).toBe("The speaker sounds calm and");
    expect(textOf(events, "answer")).toMatch(/^Sure! .* near noon$/u);
    expect(fake.requests.at(-1).messages.at(-1)).toEqual({
      role: "assistant",
      content: "<think>\nThe speaker sounds calm and\n</think>\n\n",
    });
  },
);

test("an answer that goes round in circles ends, and going on gives nothing", async () => {
  const { conversation, hear } = await open({ script: () => ({ thought: ["Hm", "."], answer: Array.from({ length: 200 }, () => " no") }) });
  await hear(1_000);
  const first = endOf(await collect(conversation.generate({ ...REQUEST, maxAnswerTokens: 100 }, NEVER)));
  expect(first).toMatchObject({ reason: "length" });
  expect(first.usage.answerTokens).toBeLessThan(30);
  expect(await collect(conversation.generate(REQUEST, NEVER))).toMatchObject([
    { type: "end", reason: "length", usage: { answerTokens: 0 } },
  ]);
});

test("thinking that goes round in circles is closed, and the answer comes", async () => {
  const { conversation, hear } = await open({
    script: () => ({ thought: Array.from({ length: 60 }, () => " why"), answer: ["Yes", "."] }),
  });
  await hear(1_000);
  const events = await collect(conversation.generate(REQUEST, NEVER));
  expect(textOf(events, "answer")).toBe("Yes.");
  expect(endOf(events).usage.thinkTokens).toBeLessThan(30);
});

test("an answer ends where the model goes on with its template", async () => {
  const { conversation, hear } = await open({
    script: () => ({ thought: ["Hm"], answer: ["Yes", ".", "<|EO", "T|>", "<|BOT|>", "human"] }),
  });
  await hear(1_000);
  const events = await collect(conversation.generate(REQUEST, NEVER));
  expect(textOf(events, "answer")).toBe("Yes.");
  expect(endOf(events).reason).toBe("stop");
});

test("speech that resumes before the headers came closes nothing early, and the next answer is not poisoned", async () => {
  let release = () => {};
  let isSlow = false;
  const { fake, conversation, hear } = await open({
    preprocess: () => (isSlow ? new Promise((resolve) => (release = resolve)) : Promise.resolve()),
  });
  await hear(1_000, 1);
  const pause = conversation.checkpoint();
  isSlow = true;
  const abort = new AbortController();
  const speculated = collect(conversation.generate(REQUEST, abort.signal));
  while (fake.running === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  expect(await speculated).toMatchObject([{ type: "end", reason: "aborted" }]);
  isSlow = false;
  release();
  conversation.rollback(pause);
  const before = fake.requests.length;
  expect(endOf(await collect(conversation.generate(REQUEST, NEVER))).reason).toBe("stop");
  expect(fake.requests.length - before).toBe(1);
});

test("audio that another client has poisoned is sent once more, and nobody notices", async () => {
  let wait: () => Promise<void> = () => Promise.resolve();
  const { fake, conversation, hear } = await open({ preprocess: () => wait() });
  await hear(1_000, 21);
  // What the engine is about to send, sent by somebody who hangs up while the audio is taken in.
  const samples = pseudoSpeech(1_000, 21);
  const content = [{ type: "input_audio", input_audio: { data: toWav(samples).toString("base64"), format: "wav" } }];
  const body = JSON.stringify({ model: "tiny-audio", stream: true, max_tokens: 1, messages: [{ role: "user", content }] });
  let go = () => {};
  wait = () => new Promise((resolve) => (go = resolve));
  const abort = new AbortController();
  const early = fetch(`${fake.url}/v1/chat/completions`, { method: "POST", body, signal: abort.signal }).catch(() => undefined);
  while (fake.running === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await early;
  await fake.hungUp();
  go();
  while (fake.running > 0) await new Promise((resolve) => setImmediate(resolve));
  wait = () => Promise.resolve();
  const before = fake.requests.length;
  expect(endOf(await collect(conversation.generate(REQUEST, NEVER))).reason).toBe("stop");
  expect(fake.requests.length - before).toBe(2);
});

test("a server that is gone ends its conversations, and is found again when it is back", async () => {
  const { fake, engine, conversation, hear } = await open();
  await hear(1_000);
  const port = Number(new URL(fake.url).port);
  await fake.kill();
  await expect(collect(conversation.generate(REQUEST, NEVER))).rejects.toMatchObject({ code: "engine_unavailable" });
  // What is said of it reaches clients, so its address is none of it.
  expect(engine.status()).toMatchObject({
    state: "loading",
    message: "waiting for the vLLM server to come back",
    devices: [{ id: "vllm:0", address: fake.url }],
  });
  const back = await startFakeVllm({ port });
  cleanUp.push(() => back.kill());
  const next = await engine.open({});
  await next.append({ type: "text", role: "user", text: "hello" });
  expect(endOf(await collect(next.generate(REQUEST, NEVER))).reason).toBe("stop");
});

test("a full server is said to be busy, and costs no more than the turn", async () => {
  const { fake, conversation, hear } = await open();
  await hear(1_000);
  fake.setBusy(true);
  await expect(hear(3_000)).resolves.toBeDefined();
  await expect(collect(conversation.generate(REQUEST, NEVER))).rejects.toMatchObject({
    code: "engine_busy",
    message: "the vLLM server answered with status 503",
  });
  fake.setBusy(false);
  expect(endOf(await collect(conversation.generate(REQUEST, NEVER))).reason).toBe("stop");
});
