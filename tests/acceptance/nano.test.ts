/**
 * nano, over the wire: every sentence of the acceptance set goes as Opus at 24 kbit/s through a real gateway, with voice detection,
 * to the model that ships, and its answer is compared letter by letter.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Engine, SAMPLE_RATE_HZ } from "@aloud/engine";
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { opusPacketMs } from "../../gateway/src/audio/opus-packet.ts";
import { openEncoder } from "../../gateway/src/cli/clip/encoder.ts";
import { openTalkSession } from "../../gateway/src/cli/talk/session.ts";
import { createLogger, type Gateway, openGateway, readConfig } from "../../gateway/src/index.ts";
import { type AcceptanceItem, readAcceptanceSet } from "./acceptance-set.ts";
import { type Outcome, outcomeOf, report, share } from "./outcome.ts";

/** While a model is being made: only that many of the sentences, spread evenly. */
const sample = Number(process.env.ALOUD_ACCEPTANCE_SAMPLE ?? Number.POSITIVE_INFINITY);
const LANES = [0, 1];
const PROGRESS_EVERY = 60;
const LEAST_EXACT = 0.95;
const LEAST_QUOTED = 0.9;
const modelDir = fileURLToPath(new URL("../../engine/models/nano/", import.meta.url));
const missing = existsSync(`${modelDir}manifest.json`) ? undefined : "engine/models/nano is not there";

describe.skipIf(missing !== undefined)(`nano in voices that it never heard${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let engine: Engine;
  let gateway: Gateway;
  let outcomes: readonly Outcome[] = [];

  beforeAll(async () => {
    engine = openEmbeddedEngine({ maxConversations: 4 });
    gateway = await openGateway({ config: readConfig({ port: 0, logLevel: "silent" }, {}), engine, logger: createLogger("silent") });
    const all = await readAcceptanceSet();
    const step = Math.max(1, all.length / sample);
    const items = all.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
    const lanes = await Promise.all(LANES.map((lane) => run(items.filter((_, index) => index % LANES.length === lane))));
    outcomes = lanes.flat();
    console.log(report(outcomes));
  }, 1_200_000);
  afterAll(async () => {
    await gateway?.close("now");
    await engine?.close();
  });

  /** One sentence after another, each in a session of its own: no answer may lean on an earlier one. */
  async function run(items: readonly AcceptanceItem[]): Promise<Outcome[]> {
    const encoder = await openEncoder();
    const done: Outcome[] = [];
    for (const item of items) {
      const url = `${gateway.url.replace("http", "ws")}/v1/realtime`;
      const session = await openTalkSession({ url, pushToTalk: false, fast: true, encoder, onMessage: () => {}, onChange: () => {} });
      const packets = item.packets.map((packet) => ({ packet, samples48k: (opusPacketMs(packet) * 3 * SAMPLE_RATE_HZ) / 1_000 }));
      const turns = await session.speak(packets).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
      await session.close();
      done.push(outcomeOf(item, turns));
      if (done.length % PROGRESS_EVERY === 0) console.log(`${done.length} of ${items.length} in this lane`);
    }
    encoder.close();
    return done;
  }

  test.skipIf(Number.isFinite(sample))("the set has at least 200 sentences in at least 15 voices", () => {
    expect(outcomes.length).toBeGreaterThanOrEqual(200);
    expect(new Set(outcomes.map(({ item }) => item.voice.replace(/ .*\+/, " "))).size).toBeGreaterThanOrEqual(15);
  });

  test(`at least ${LEAST_EXACT * 100} % of the answers are exactly right`, () => {
    expect(share(outcomes, ({ exact }) => exact)).toBeGreaterThanOrEqual(LEAST_EXACT);
  });

  test(`the semantic thinking quotes what was said, in at least ${LEAST_QUOTED * 100} %`, () => {
    expect(share(outcomes, ({ quotes }) => quotes)).toBeGreaterThanOrEqual(LEAST_QUOTED);
  });

  test("the acoustic thinking says something, every time that there is an answer", () => {
    const silent = outcomes.filter(({ answer, acoustic }) => !answer.startsWith("<") && acoustic.trim() === "");
    expect(silent.map(({ item }) => item.text)).toEqual([]);
  });
});
