/** nano where there is nothing to answer: silence, noise, music, and speech that nobody could make out, over the wire. */
import { fileURLToPath } from "node:url";
import { type Engine, SAMPLE_RATE_HZ } from "@aloud/engine";
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { createDecoder } from "libopus-wasm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resample } from "../../gateway/src/audio/resample.ts";
import { encode, readClip } from "../../gateway/src/cli/clip/clip.ts";
import { openEncoder } from "../../gateway/src/cli/clip/encoder.ts";
import { openTalkSession } from "../../gateway/src/cli/talk/session.ts";
import { createLogger, type Gateway, openGateway, readConfig } from "../../gateway/src/index.ts";
import { music, pinkNoise, silence, whiteNoise } from "../helpers/sound.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.opus`, import.meta.url));

function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
}

describe("nano, where there is nothing to answer", { timeout: 120_000 }, () => {
  let engine: Engine;
  let gateway: Gateway;

  beforeAll(async () => {
    engine = openEmbeddedEngine({ maxConversations: 4 });
    gateway = await openGateway({ config: readConfig({ port: 0, logLevel: "silent" }, {}), engine, logger: createLogger("silent") });
  });
  afterAll(async () => {
    await gateway?.close("now");
    await engine?.close();
  });

  /** What is answered to a sound. @throws UsageError when no speech was found in it */
  async function answersTo(samples: Float32Array, how: "hands-free" | "push-to-talk"): Promise<string[]> {
    const encoder = await openEncoder();
    const url = `${gateway.url.replace("http", "ws")}/v1/realtime`;
    const pushToTalk = how === "push-to-talk";
    const session = await openTalkSession({ url, pushToTalk, fast: true, encoder, onMessage: () => {}, onChange: () => {} });
    try {
      const turns = await session.speak(await encode(resample(samples, SAMPLE_RATE_HZ, 48_000)));
      return turns.flatMap(({ answer }) => (answer === "" ? [] : [answer]));
    } finally {
      await session.close();
      encoder.close();
    }
  }

  test.each([
    ["silence", silence(3_000)],
    ["white noise", whiteNoise(3_000, 0.2, 5)],
    ["pink noise", pinkNoise(3_000, 0.3, 5)],
    ["music", music(4_000, 0.5)],
  ])("%s gets no answer when nobody asked for one", async (_what, samples) => {
    await expect(answersTo(samples, "hands-free")).rejects.toThrow("no speech found");
  });

  test("silence that was sent on purpose is answered with the truth", async () => {
    expect(await answersTo(silence(2_000), "push-to-talk")).toEqual(["I did not hear anything."]);
  });

  test("speech that drowns in noise is not guessed at", async () => {
    using decoder = await createDecoder({ sampleRate: SAMPLE_RATE_HZ, channels: 1 });
    const clean = Float32Array.from((await readClip(fixture("sum"))).flatMap(({ packet }) => [...decoder.decodeFloat(packet)]));
    // 14 dB more noise than speech; how the answers change on the way there: npm run bench -- noise.
    const loud = whiteNoise((clean.length * 1_000) / SAMPLE_RATE_HZ, 1, 7);
    const gain = (rms(clean) * 10 ** (14 / 20)) / rms(loud);
    const drowned = clean.map((x, n) => 0.2 * (x + gain * (loud[n] ?? 0)));
    expect(await answersTo(drowned, "push-to-talk")).toEqual(["Sorry, I did not understand that."]);
  });
});
