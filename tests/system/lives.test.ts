/** Sessions that end at any moment: nothing leaks. (What clients do in any order is in interleavings.test.ts.) */
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { AloudError } from "@aloud/client/protocol";
import type { ScriptedOptions } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { Vad } from "../../gateway/src/vad/vad.ts";
import type { WireClient } from "../helpers/client.ts";
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
    restarts: () => 0,
    onScored: () => {},
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
