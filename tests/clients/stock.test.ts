/**
 * Stock Realtime clients, unchanged, against `aloud serve` with nano: each holds five scenes, with recordings of people. What the client saw
 * is asserted, the server's events are held to the grammar, and their order to the recorded one (`npm run test:clients -- -u` records anew).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { readLegal } from "../helpers/event-grammar.ts";
import { playScenes, type Saw } from "./driver.ts";
import { recorded } from "./sequence.ts";
import { voice, writeSound } from "./sounds.ts";
import { openTap, type Tap } from "./tap.ts";

const SCENES = ["vad", "push-to-talk", "text", "barge-in", "tool"] as const;
const milk = voice("order-milk.opus");
const americano = voice("order-americano.opus");
const TEXT = { text: "set a timer for five minutes", answer: "Timer set for five minutes." };
const LONG = "count from one to sixty";
const ORDER = {
  name: "order_coffee",
  description: "Orders a coffee.",
  parameters: {
    type: "object",
    properties: { drink: { type: "string" }, milk: { type: "string" }, size: { type: "string" } },
    required: ["drink"],
  },
};

/** What every client has to see; some have more to show. */
const EXPECTED: Readonly<Record<string, Saw>> = {
  vad: { heard: expect.stringContaining(milk.text), said: milk.answer },
  "push-to-talk": { said: americano.answer },
  text: { said: TEXT.answer },
  "barge-in": { interrupted: expect.stringMatching(/^(cancelled, turn_detected|interrupted)$/), said: milk.answer },
  tool: { called: ORDER.name, with: { drink: "americano", milk: "milk" }, said: milk.answer },
  "client secret": { prefix: "ek_", inTime: true, instructions: "Be brief.", said: TEXT.answer, ended: "completed" },
};

const CLIENTS = [
  { name: "openai-js-ws", program: ["openai.mjs", "ws"], secure: true, scenes: [...SCENES, "client secret"] },
  { name: "openai-js-native", program: ["openai.mjs", "native"], secure: true, scenes: [...SCENES, "client secret"] },
  { name: "openai-agents-realtime", program: ["agents.mjs"], secure: false, scenes: SCENES },
  { name: "livekit-agents-plugin-openai", program: ["livekit.mjs"], secure: false, scenes: SCENES },
  { name: "pipecat", program: ["pipecat_service.py"], secure: false, scenes: SCENES },
  { name: "openai-python", program: ["openai_python.py"], secure: false, scenes: SCENES },
] as const;

const server = inject("server");
const directory = mkdtempSync(join(tmpdir(), "aloud-scenes-"));
let sounds: Record<string, string>;
beforeAll(async () => {
  sounds = { milk: await writeSound("order-milk.opus", directory), americano: await writeSound("order-americano.opus", directory) };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.each(CLIENTS)("$name", ({ name, program, secure, scenes }) => {
  let saw: ReadonlyMap<string, Saw>;
  let overheard: Tap["overheard"];

  beforeAll(async () => {
    const tap = await openTap(server.url, secure ? server.tls : undefined);
    try {
      const told = { url: tap.url, key: server.key, scenes, sounds, tool: ORDER, result: "ok", text: TEXT.text, long: LONG };
      saw = await playScenes(program, told, directory, server.caFile);
      overheard = tap.overheard;
    } finally {
      await tap.close();
    }
  });

  test.each(scenes)("%s", (scene) => {
    expect(saw.get(scene)).toMatchObject(EXPECTED[scene] ?? {});
  });

  test("is told only what the protocol allows, in the recorded order", async () => {
    expect(overheard).toHaveLength(scenes.length);
    for (const events of overheard) {
      expect(readLegal("realtime", events).openResponses).toEqual([]);
    }
    const now = scenes.map((scene, at) => `# ${scene}\n${recorded(overheard[at] ?? [])}`).join("\n");
    await expect(now).toMatchFileSnapshot(`recorded/${name}.txt`);
  });
});
