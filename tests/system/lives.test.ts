/** Sessions that end at any moment, or do anything at all: nothing leaks, and what the client sees always makes sense. */
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { ALOUD_EVENT_TYPES, AloudError } from "@aloud/client/protocol";
import type { ScriptedOptions } from "@aloud/engine/testing";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Vad } from "../../gateway/src/vad/vad.ts";
import type { WireClient, WireEvent } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { joined, silence, speech } from "../helpers/sound.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";

let host: TestGateway;
afterEach(() => host.close());

const opus = { audio: { input: { format: { type: "audio/opus" }, transcription: { model: "any" } } } };
const script: ScriptedOptions = {
  prefilled: () => ({ transcript: { stable: "turn ", tail: "on" } }),
  answer: () => [
    { transcript: "turn on" },
    { channel: "semantic", text: "Thinking." },
    { channel: "answer", text: "One " },
    { channel: "answer", text: "two." },
  ],
};

async function leftovers(clock: VirtualClock) {
  while (host.gateway.sessions() > 0 || host.engine.openConversations > 0) await turnOfTheLoop();
  const metrics = await (await fetch(`${host.gateway.url}/metrics`)).text();
  const gauge = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(metrics)?.[1]);
  return { timers: clock.pending(), decoders: gauge("aloud_opus_decoders"), windows: gauge("aloud_vad_waiting_windows") };
}

describe("a peer that vanishes", () => {
  const moments: [string, ScriptedOptions, (client: WireClient) => Promise<unknown>][] = [
    ["at once", {}, async () => {}],
    ["with its first packets on the way", {}, (client) => client.sendOpus(silence(200))],
    ["while the engine loads", { loading: true }, (client) => client.sendOpus(joined(silence(300), speech("lights"), silence(900)))],
    [
      "in mid-speech",
      {},
      async (client) => {
        await client.sendOpus(joined(silence(300), speech("lights").subarray(0, 24_000)));
        await client.wait("input_audio_buffer.speech_started");
      },
    ],
    [
      "while its answer is being thought",
      { pace: "stepped" },
      async (client) => {
        await client.sendOpus(joined(silence(300), speech("lights"), silence(900)));
        await client.wait("response.created");
      },
    ],
    [
      "after its answer",
      {},
      async (client) => {
        await client.sendOpus(joined(silence(300), speech("lights"), silence(900)));
        await client.wait("response.done");
      },
    ],
  ];
  test.each(moments)("%s leaves nothing behind", async (_when, options, until) => {
    const clock = new VirtualClock();
    host = await startGateway({ ...script, ...options }, {}, { clock });
    const client = await host.aloud();
    await client.update(opus);
    await until(client);
    client.socket.terminate();
    host.engine.finishLoading();
    expect(await leftovers(clock)).toEqual({ timers: 0, decoders: 0, windows: 0 });
  });
});

test("a VAD that is down is said once, ends the turn that runs, and takes nothing else with it", async () => {
  const broken: Vad = {
    open: () => ({ score: () => Promise.reject(new AloudError("vad_unavailable", "down")), close: () => {} }),
    state: () => "down",
    waiting: () => 0,
    close: async () => {},
  };
  host = await startGateway(script, {}, { vad: broken });
  const client = await host.plain();
  expect((await fetch(`${host.gateway.url}/readyz`)).status).toBe(503);
  client.sendSpeech(speech("lights"));
  await client.wait("error");
  client.send({ type: "input_audio_buffer.clear" });
  await client.wait("input_audio_buffer.cleared");
  expect(client.all("error").map(({ error }) => error.code)).toEqual(["vad_unavailable"]);
  await client.update({ audio: { input: { turn_detection: null } } });
  client.sendSpeech(speech("lights"));
  client.send({ type: "input_audio_buffer.commit" });
  client.send({ type: "response.create" });
  expect((await client.wait("response.done")).response.status).toBe("completed");
  await client.close();
});

/** What must hold of any session's events, whatever the client did. */
function expectSense(events: readonly WireEvent[]): void {
  const items = new Set<string>();
  const eventIds = new Set<string>();
  let response: string | undefined;
  let previous: string | null = null;
  for (const event of events) {
    expect(eventIds.has(event.event_id)).toBe(false);
    eventIds.add(event.event_id);
    if (event.type === "error") expect(event.error.code).not.toBe("internal_error");
    if (event.type === "response.created") {
      expect(response).toBeUndefined();
      response = event.response.id;
    } else if (event.type === "response.done") {
      expect(event.response.id).toBe(response);
      expect(event.response.usage).not.toBeNull();
      response = undefined;
    } else if (event.type.startsWith("response.")) expect(event.response_id).toBe(response);
    if (event.type === "conversation.item.added") {
      expect(items.has(event.item.id)).toBe(false);
      expect(event.item.type).toBe("message");
      expect(event.previous_item_id).toBe(previous);
      items.add(event.item.id);
      previous = event.item.id;
    }
    if (event.type === "conversation.item.done") expect(items.has(event.item.id)).toBe(true);
    if (event.type === "conversation.item.input_audio_transcription.completed") expect(items.has(event.item_id)).toBe(true);
  }
  expect(response).toBeUndefined();
}

type Act = (client: WireClient) => void;
const sound = (samples: Float32Array): Act => {
  return (client) => client.sendSpeech(samples);
};
const send = (event: Record<string, unknown>): Act => {
  return (client) => client.send(event);
};
const detection = (turn_detection: unknown) => send({ type: "session.update", session: { audio: { input: { turn_detection } } } });
const acts: readonly Act[] = [
  sound(joined(silence(200), speech("time"))),
  sound(speech("time").subarray(0, 8_000)),
  sound(silence(250)),
  sound(silence(900)),
  send({ type: "input_audio_buffer.commit" }),
  send({ type: "input_audio_buffer.clear" }),
  send({ type: "response.create" }),
  send({ type: "response.create", response: { instructions: "Be brief.", max_output_tokens: 1 } }),
  send({ type: "response.cancel" }),
  send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] } }),
  detection(null),
  detection({ type: "server_vad", create_response: false }),
  detection({ type: "server_vad", interrupt_response: false }),
  detection({ type: "semantic_vad", eagerness: "high" }),
  send({ type: "session.update", session: { instructions: "Be kind.", audio: { input: { transcription: { model: "any" } } } } }),
  () => host.engine.release(3),
  () => host.engine.crash(),
];

test("whatever a client does, its events make sense and nothing is left", async () => {
  const clock = new VirtualClock();
  host = await startGateway({ ...script, pace: "stepped" }, {}, { clock });
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.integer({ min: 0, max: acts.length - 1 }), { minLength: 4, maxLength: 14 }),
      async (plain, chosen) => {
        const client = plain ? await host.plain() : await host.aloud();
        for (const index of chosen) {
          acts[index]?.(client);
          if (index % 3 === 0) await client.sync();
        }
        // Whatever still runs is let go, until the server has nothing more to say.
        client.send({ type: "input_audio_buffer.clear" });
        await client.wait("input_audio_buffer.cleared", client.count("input_audio_buffer.cleared") + 1);
        const isAnswering = () => client.count("response.created") > client.count("response.done");
        while (isAnswering()) {
          host.engine.release(5);
          await client.sync();
        }
        await client.close();
        expectSense(client.events);
        if (plain) expect(client.types().filter((type) => ALOUD_EVENT_TYPES.has(type))).toEqual([]);
        expect(await leftovers(clock)).toEqual({ timers: 0, decoders: 0, windows: 0 });
      },
    ),
    { numRuns: 25, seed: 7, endOnFailure: true },
  );
}, 60_000);
