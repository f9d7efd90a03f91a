/** A person speaks for 10 s to a gateway in front of a real server: what the server has when the answer is asked for. */
import { afterEach, describe, expect, test } from "vitest";
import { WireClient } from "../helpers/client.ts";
import { recording, serve, tap, until, urls } from "./real-servers.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

describe.runIf(urls.length > 0)("a gateway in front of a real vLLM", () => {
  test.each([
    ["at first silence", "1"],
    ["when the turn is over", "0"],
  ])("asks for the answer %s with all but the last block in the cache", async (when, speculate) => {
    const between = await tap(urls[0] ?? "");
    cleanUp.push(between.stop);
    const gateway = await serve([between.url], { ALOUD_SPECULATE: speculate });
    cleanUp.push(gateway.stop);
    const client = await WireClient.open(gateway.url, ["aloud.v1"]);
    cleanUp.push(() => client.socket.terminate());
    // Words of its own: nothing of it is in the cache yet.
    const instructions = `It is ${performance.now()} o'clock.`;
    await client.update({ instructions, audio: { input: { format: { type: "audio/opus" } } } });
    await client.sendOpus(await recording(10));
    await client.sendOpus(new Float32Array(16_000));
    const done = await until(() => client.events.findLast(({ type }) => type === "response.done"));
    expect(done.response.status).toBe("completed");
    // Answers that were begun in pauses before were asked for with less.
    const { promptTokens, cachedTokens } = await until(() => between.answered.findLast((answer) => answer.promptTokens > 250));
    console.log(
      `gateway, ${when}: ${cachedTokens} of ${promptTokens} tokens were in the cache (${Math.round((100 * cachedTokens) / promptTokens)} %)`,
    );
    expect(cachedTokens).toBe(32 * Math.floor((promptTokens - 1) / 32));
  });
});
