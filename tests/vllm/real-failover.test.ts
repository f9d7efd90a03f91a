/**
 * One of two real servers is killed while it answers: the turn completes on the other, once, as one text. The answer is the same as an undisturbed one,
 * because the model of these tests says the same always; it goes on for a second, so that it can be interrupted.
 */
import type { GenerateEvent } from "@aloud/engine";
import { openVllmEngine } from "@aloud/engine/vllm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { WireClient, type WireEvent } from "../helpers/client.ts";
import { isUp, kill, metric, recording, serve, until, urls } from "./real-servers.ts";

const NEVER = new AbortController().signal;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

const generated = (url: string) => metric(url, "generation_tokens_total");

/** Which server has had work since `before`. */
async function workerSince(before: readonly number[]): Promise<string> {
  return until(async () => {
    const now = await Promise.all(urls.map(generated));
    return urls.find((_, n) => (now[n] ?? 0) > (before[n] ?? 0));
  });
}

describe.runIf(urls.length > 1)("one of two real vLLM servers is killed in mid-turn", () => {
  beforeEach(async () => {
    await Promise.all(urls.map((url) => until(async () => ((await isUp(url)) ? true : undefined))));
  });

  test("failover in the engine: the stream goes on where it was", async () => {
    const moves: unknown[] = [];
    const engine = openVllmEngine({ urls, temperature: 0, onMove: (move) => moves.push(move) });
    cleanUp.push(() => engine.close());
    await until(() => {
      const status = engine.status();
      return status.state === "ready" && status.devices.every(({ state }) => state === "ready") ? true : undefined;
    });
    const answer = async (onFirst: (home: string) => void) => {
      const before = await Promise.all(urls.map(generated));
      const conversation = await engine.open({});
      await conversation.append({ type: "audio", samples: pseudoSpeech(4_000, 77) });
      const home = await workerSince(before);
      const events: GenerateEvent[] = [];
      for await (const event of conversation.generate({ mode: "think", maxThinkTokens: 64, maxAnswerTokens: 300 }, NEVER)) {
        if (events.length === 0) onFirst(home);
        events.push(event);
      }
      await conversation.close();
      return { home, events };
    };
    const textOf = (events: readonly GenerateEvent[]) => events.map((event) => (event.type === "delta" ? event.text : "")).join("");
    const undisturbed = await answer(() => {});
    const disturbed = await answer(kill);
    expect(textOf(disturbed.events)).toBe(textOf(undisturbed.events));
    expect(disturbed.events.filter(({ type }) => type === "end")).toMatchObject([{ reason: "stop" }]);
    expect(moves).toMatchObject([{ reason: "failover" }]);
  });

  test("failover through the gateway: the person hears one answer", async () => {
    // Answering when the turn has ended, so that the answer comes while it is made.
    const gateway = await serve(urls, { ALOUD_SPECULATE: "0" });
    cleanUp.push(gateway.stop);
    const client = await WireClient.open(gateway.url, ["aloud.v1"]);
    cleanUp.push(() => client.socket.terminate());
    await client.update({ audio: { input: { format: { type: "audio/opus" } } } });
    const speech = await recording(4);
    /** Says it, and calls `onThought` at the first thing that is shown of the answer. */
    const turn = async (onThought: (home: string) => void) => {
      const from = client.events.length;
      const before = await Promise.all(urls.map(generated));
      await client.sendOpus(speech);
      const home = await workerSince(before);
      const seen = () => client.events.slice(from);
      let shown = false;
      client.socket.on("message", () => {
        if (shown || !seen().some(({ type }) => type.startsWith("response.") && type.endsWith(".delta"))) return;
        shown = true;
        onThought(home);
      });
      await client.sendOpus(new Float32Array(16_000));
      await until(() => (seen().some(({ type }) => type === "response.done") ? true : undefined));
      return { home, events: seen() };
    };
    const undisturbed = await turn(() => {});
    const disturbed = await turn(kill);
    const textOf = (events: readonly WireEvent[], kind: string) =>
      events.map((event) => (event.type === `response.${kind}.delta` ? event.delta : "")).join("");
    for (const kind of ["reasoning_text", "output_text"]) expect(textOf(disturbed.events, kind)).toBe(textOf(undisturbed.events, kind));
    expect(textOf(disturbed.events, "output_text")).toMatch(/^Sure! Tomorrow looks fine.*near noon no000.* no199$/u);
    const done = disturbed.events.filter(({ type }) => type === "response.done");
    expect(done).toMatchObject([{ response: { status: "completed" } }]);
    expect(disturbed.events.filter(({ type }) => type === "error")).toEqual([]);
    expect(await isUp(disturbed.home)).toBe(false);
  });
});
