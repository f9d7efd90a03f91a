/** The real worker with the real model. Needs the build (`npx tsc -b gateway`). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { music, silence, speech } from "../../../tests/helpers/sound.ts";
import { createLogger } from "../log.ts";
import { CONFIRM_WINDOWS, Segmenter, type Signal } from "./segmenter.ts";
import { openVad, type Vad, type VadStream } from "./vad.ts";

let vad: Vad;
beforeAll(async () => {
  vad = await openVad(createLogger("silent"));
});
afterAll(() => vad.close());

function windows(samples: Float32Array): Float32Array[] {
  return Array.from({ length: Math.floor(samples.length / 512) }, (_, index) => samples.subarray(index * 512, (index + 1) * 512));
}

const scores = (stream: VadStream, samples: Float32Array) => Promise.all(windows(samples).map((window) => stream.score(window)));

describe("the VAD", () => {
  test("tells speech from silence and music", async () => {
    const share = async (samples: Float32Array) => {
      const stream = vad.open();
      const all = await scores(stream, samples);
      stream.close();
      return all.filter((probability) => probability > 0.5).length / all.length;
    };
    expect(await share(speech("lights"))).toBeGreaterThan(0.6);
    expect(await share(silence(2_000))).toBe(0);
    expect(await share(music(3_000, 0.4))).toBeLessThan(0.2);
  });

  test("scores a stream the same alone as among others", async () => {
    const alone = vad.open();
    const expected = await scores(alone, speech("time"));
    const streams = Array.from({ length: 9 }, () => vad.open());
    const together = await Promise.all(streams.map((stream, index) => scores(stream, index === 4 ? speech("time") : speech("lights"))));
    together[4]?.forEach((probability, index) => {
      expect(probability).toBeCloseTo(expected[index] ?? -1, 4);
    });
    for (const stream of [alone, ...streams]) stream.close();
    expect(vad.waiting()).toBe(0);
  });

  test("tells how long each window waited for its score, and of no window that got none", async () => {
    const own = await openVad(createLogger("silent"));
    const delays: number[] = [];
    own.onScored((ms) => delays.push(ms));
    const stream = own.open();
    await scores(stream, silence(320));
    expect(delays).toHaveLength(10);
    for (const ms of delays) expect(ms).toBeGreaterThan(0);
    const unscored = stream.score(new Float32Array(512));
    stream.close();
    await expect(unscored).rejects.toMatchObject({ code: "vad_unavailable" });
    await own.close();
    expect(delays).toHaveLength(10);
  });

  test("fails what waits when its worker dies, and goes on with a new one", async () => {
    const own = await openVad(createLogger("silent"));
    const stream = own.open();
    // Larger than any window: the worker cannot copy it, and dies of it.
    await expect(stream.score(new Float32Array(10_000))).rejects.toMatchObject({ code: "vad_unavailable" });
    await expect(stream.score(new Float32Array(512))).rejects.toMatchObject({ code: "vad_unavailable" });
    let probability: number | undefined;
    for (let attempt = 0; attempt < 60 && probability === undefined; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      probability = await stream.score(new Float32Array(512)).catch(() => undefined);
    }
    expect(probability).toBeLessThan(0.5);
    expect([vad.restarts(), own.restarts()]).toEqual([0, 1]);
    await own.close();
    await expect(stream.score(new Float32Array(512))).rejects.toMatchObject({ code: "vad_unavailable" });
  });
});

describe("a Segmenter", () => {
  /** Feeds one probability per window. */
  async function segment(probabilities: readonly number[]): Promise<Signal[]> {
    const segmenter = new Segmenter(0.5, () => CONFIRM_WINDOWS);
    const signals: Signal[] = [];
    for (const [index, probability] of probabilities.entries()) {
      const signal = await segmenter.push(probability, index * 512);
      if (signal) signals.push(signal);
    }
    return signals;
  }
  const times = (count: number, probability: number) => Array<number>(count).fill(probability);

  test("reports speech once it is confirmed, dated back to its first window", async () => {
    const signals = await segment([...times(3, 0.1), ...times(10, 0.9), ...times(4, 0.1)]);
    expect(signals).toEqual([
      { type: "speech-started", start: 3 * 512 },
      { type: "speech-stopped", end: 13 * 512, speechWindows: 10, confidence: expect.closeTo(0.9) },
    ]);
  });

  test("says nothing about a clap", async () => {
    expect(await segment([...times(5, 0.9), ...times(6, 0.1)])).toEqual([]);
  });

  test("does not end for a window between the thresholds", async () => {
    const signals = await segment([...times(10, 0.9), ...times(12, 0.4), ...times(3, 0.1), 0.9]);
    expect(signals.map(({ type }) => type)).toEqual(["speech-started"]);
  });
});
