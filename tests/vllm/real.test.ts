/** The port's contract against real, unmodified vLLM servers (`npm run test:vllm` starts them), and what only they can show. */
import type { Conversation, Engine, GenerateEvent, GenerateRequest } from "@aloud/engine";
import { describeEngine } from "@aloud/engine/testing/contract";
import { openVllmEngine, type PromptReport, type VllmOptions } from "@aloud/engine/vllm";
import { afterEach, describe, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { toWav } from "../../engine/src/vllm/audio-parts.ts";
import { type Hog, MAX_RUNNING, metric, occupy, recording, until, urls } from "./real-servers.ts";

const [url = "", other = ""] = urls;
/** More than the model says: an answer that a budget ends has no report of the cache. */
const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 300 };
const NEVER = new AbortController().signal;
const WINDOW = 512;
/** Of the servers (serve.sh). */
const BLOCK = 32;
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

function open(options: Partial<VllmOptions> = {}) {
  const reports: PromptReport[] = [];
  const where = options.urls === undefined ? { url } : {};
  // A salt of its own: nothing of it is in a cache yet.
  const cacheSalt = `${process.pid}-${performance.now()}`;
  const engine = openVllmEngine({ ...where, temperature: 0, cacheSalt, onPrompt: (report) => reports.push(report), ...options });
  cleanUp.push(() => engine.close());
  return { engine, reports };
}

async function hear(conversation: Conversation, samples: Float32Array): Promise<void> {
  for (let at = 0; at < samples.length; at += WINDOW)
    await conversation.append({ type: "audio", samples: samples.subarray(at, at + WINDOW) });
}

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const answerOf = (events: readonly GenerateEvent[]) =>
  events.map((event) => (event.type === "delta" && event.channel === "answer" ? event.text : "")).join("");

describe.runIf(urls.length > 0)("a real vLLM", () => {
  describeEngine("the vLLM engine", () => openVllmEngine({ url, temperature: 0 }));

  test.each([
    ["a bare prompt", undefined],
    ["instructions of 250 words", "You are a helpful voice assistant. Answer briefly. ".repeat(31)],
  ])("has 10 s of speech and %s before the answer is asked for, but for the last block", async (_name, instructions) => {
    const { engine, reports } = open();
    const conversation = await engine.open(instructions === undefined ? {} : { instructions });
    const hits = await metric(url, "prefix_cache_hits_total");
    await hear(conversation, await recording(10));
    // The silence after which a gateway asks for an answer.
    await hear(conversation, new Float32Array(4 * WINDOW));
    expect(answerOf(await collect(conversation.generate(REQUEST, NEVER)))).toMatch(/^Sure! Tomorrow looks fine/u);
    const { promptTokens = 0, cachedTokens = 0 } = reports[0] ?? {};
    console.log(
      `real vLLM: ${cachedTokens} of ${promptTokens} tokens were in the cache (${Math.round((100 * cachedTokens) / promptTokens)} %)`,
    );
    // The last token is always computed.
    expect(cachedTokens).toBe(BLOCK * Math.floor((promptTokens - 1) / BLOCK));
    expect(cachedTokens).toBeGreaterThanOrEqual(0.9 * promptTokens);
    expect((await metric(url, "prefix_cache_hits_total")) - hits).toBeGreaterThanOrEqual(cachedTokens);
  });

  test("has most of it when the speaker is cut off in the middle of a word", async () => {
    const { engine, reports } = open();
    const conversation = await engine.open({ instructions: "You are a helpful voice assistant. Answer briefly." });
    await hear(conversation, pseudoSpeech(10_000, 4_711));
    await collect(conversation.generate(REQUEST, NEVER));
    // What fills no part yet is left to take in: 2 s at most.
    expect(reports[0]?.cachedTokens ?? 0).toBeGreaterThan(0.75 * (reports[0]?.promptTokens ?? 0));
  });

  test("streams: what is thought comes while the server still generates", async () => {
    const { engine } = open();
    let seed = 500;
    // On a busy machine an answer of 40 tokens may be over before the metric comes; one that is never streamed always is.
    await until(async () => {
      const conversation = await engine.open({});
      await hear(conversation, pseudoSpeech(1_000, seed++));
      let running = 0;
      let deltas = 0;
      for await (const event of conversation.generate(REQUEST, NEVER)) {
        if (event.type === "delta" && deltas++ === 0) running = await metric(url, "num_requests_running");
      }
      await conversation.close();
      return running === 1 && deltas > 4 ? true : undefined;
    });
  });

  test("answers ahead of the thought, with all that it says otherwise", async () => {
    const turnOf = async (options: Partial<VllmOptions>, seed: number) => {
      const { engine, reports } = open({ urls, ...options });
      const conversation = await engine.open({});
      await hear(conversation, pseudoSpeech(1_000, seed));
      const events = await collect(conversation.generate(REQUEST, NEVER));
      await engine.close();
      return { events, promptTokens: reports[0]?.promptTokens };
    };
    const thoughtOf = (events: readonly GenerateEvent[]) =>
      events.map((event) => (event.type === "delta" && event.channel !== "answer" ? event.text : "")).join("");
    let seed = 700;
    // On a busy machine a thought of 26 tokens may be over before the second request is answered.
    await until(async () => {
      seed += 1;
      const plain = await turnOf({}, seed);
      const ahead = await turnOf({ thinkAheadTokens: 3 }, seed);
      expect(thoughtOf(ahead.events)).toBe(thoughtOf(plain.events));
      expect(answerOf(ahead.events)).toBe(answerOf(plain.events));
      expect(ahead.events.at(-1)).toMatchObject({ type: "end", reason: "stop" });
      expect(ahead.promptTokens).toBe(plain.promptTokens);
      expect(plain.events.some((event) => event.type === "delta" && event.isAhead)).toBe(false);
      const words = ahead.events.filter((event) => event.type === "delta" && event.isAhead).length;
      return words > 0 ? true : undefined;
    });
  });

  test("is freed by an abort, and answers the same audio again", async () => {
    const { engine } = open();
    const conversation = await engine.open({});
    await hear(conversation, pseudoSpeech(1_000, 6));
    const asked = conversation.checkpoint();
    const stop = new AbortController();
    const heard: GenerateEvent[] = [];
    for await (const event of conversation.generate(REQUEST, stop.signal)) {
      heard.push(event);
      stop.abort();
    }
    expect(heard.at(-1)).toMatchObject({ type: "end", reason: "aborted" });
    await until(async () => ((await metric(url, "num_requests_running")) === 0 ? true : undefined));
    conversation.rollback(asked);
    expect(answerOf(await collect(conversation.generate(REQUEST, NEVER)))).toMatch(/^Sure!/u);
  });

  test("fails once after somebody hung up early, and nobody notices", async () => {
    const failed = () => metric(url, "request_success_total", 'finished_reason="error"');
    const before = await failed();
    let seed = 1_000;
    // When exactly the server takes the audio in is chance: again with new audio until it was hit.
    await until(async () => {
      seed += 10;
      const samples = pseudoSpeech(1_500, seed);
      const spoken = Array.from({ length: 8 }, (_, n) => pseudoSpeech(1_900, seed + n + 1));
      const content = [...spoken, samples].map((part) => ({
        type: "input_audio",
        input_audio: { data: toWav(part).toString("base64"), format: "wav" },
      }));
      const body = JSON.stringify({ model: "tiny-audio", stream: true, max_tokens: 1, messages: [{ role: "user", content }] });
      const stop = new AbortController();
      const headers = { "content-type": "application/json" };
      const early = fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, signal: stop.signal }).catch(() => undefined);
      setTimeout(() => stop.abort(), 5 + ((seed / 10) % 10) * 8);
      await early;
      const { engine } = open();
      const conversation = await engine.open({});
      await conversation.append({ type: "audio", samples });
      expect(answerOf(await collect(conversation.generate(REQUEST, NEVER)))).toMatch(/^Sure!/u);
      return (await failed()) > before ? true : undefined;
    });
  });

  describe("with more to do than it can", () => {
    const waiting = (at: string) => metric(at, "num_requests_waiting");
    async function fill(at: string): Promise<Hog> {
      const hog = occupy(at, MAX_RUNNING + 10);
      cleanUp.push(async () => {
        hog.release();
        await until(async () => ((await waiting(at)) + (await metric(at, "num_requests_running")) === 0 ? true : undefined));
      });
      await until(async () => ((await waiting(at)) >= 8 ? true : undefined));
      return hog;
    }
    /** Whether one of the engine's servers takes new conversations. */
    const takes = (engine: Engine, n: number): boolean => {
      const status = engine.status();
      const device = status.state === "ready" ? status.devices[n] : undefined;
      return device?.state === "ready" && device.message === undefined;
    };

    test("takes no new conversation, until it can again", async () => {
      const { engine } = open();
      await engine.open({});
      const hog = await fill(url);
      await until(() => (takes(engine, 0) ? undefined : true));
      await expect(engine.open({})).rejects.toMatchObject({ code: "engine_busy" });
      hog.release();
      await until(() => (takes(engine, 0) ? true : undefined));
      const conversation = await engine.open({});
      await hear(conversation, pseudoSpeech(1_000, 8));
      expect(answerOf(await collect(conversation.generate(REQUEST, NEVER)))).toMatch(/^Sure!/u);
    });

    test("leaves new conversations to the server that is free", async () => {
      const { engine } = open({ urls });
      await until(() => (takes(engine, 0) && takes(engine, 1) ? true : undefined));
      await fill(url);
      await until(() => (takes(engine, 0) ? undefined : true));
      const generated = () => metric(other, "generation_tokens_total");
      const before = await generated();
      const conversations = await Promise.all(Array.from({ length: 3 }, () => engine.open({})));
      for (const [n, conversation] of conversations.entries()) {
        await hear(conversation, pseudoSpeech(1_000, 30 + n));
        expect(answerOf(await collect(conversation.generate(REQUEST, NEVER)))).toMatch(/^Sure!/u);
      }
      expect((await generated()) - before).toBeGreaterThan(3 * 30);
    });
  });
});
