/** Turns over a real socket: real speech, the real VAD, a scripted engine. Audio is sent as fast as it goes; the turn's clock is the audio's. */
import type { ScriptedOptions } from "@aloud/engine/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { joined, silence, speech } from "../helpers/sound.ts";

const lights: ScriptedOptions = {
  prefilled: (turn) => ({ transcript: turn.audioSamples > 16_000 ? { stable: "turn on", tail: " the" } : { stable: "", tail: "" } }),
  answer: (turn) => [
    ...(turn.audioSamples > 0 ? [{ transcript: "turn on the lights" }] : []),
    { channel: "semantic", text: "They want light." },
    { channel: "acoustic", text: "A calm voice." },
    { channel: "answer", text: "Lights " },
    { channel: "answer", text: "on." },
  ],
};
const turnOfSpeech = joined(silence(500), speech("lights"), silence(1_200));

/** OpenAI Realtime's order (docs/protocol.md), text out. */
const RESPONSE = [
  "response.created",
  "response.output_item.added",
  "conversation.item.added",
  "response.content_part.added",
  "response.output_text.delta",
  "response.output_text.delta",
  "response.output_text.done",
  "response.content_part.done",
  "conversation.item.done",
  "response.output_item.done",
  "response.done",
];
const COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"];

let host: TestGateway;
beforeAll(async () => {
  host = await startGateway(lights);
});
afterAll(() => host.close());

describe("a stock client", () => {
  test("sees a spoken turn in OpenAI's order, and nothing else", async () => {
    const client = await host.plain();
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.done");
    expect(client.types()).toEqual([
      "session.created",
      "input_audio_buffer.speech_started",
      "input_audio_buffer.speech_stopped",
      ...COMMITTED,
      ...RESPONSE,
    ]);
    expect(client.events.every((event) => event.seq === undefined)).toBe(true);
    expect(client.binaries).toEqual([]);
    const done = client.all("response.done")[0];
    expect(done?.response).toMatchObject({ status: "completed", status_details: null, output: [{ type: "message" }] });
    expect(done?.response.output).toHaveLength(1);
    expect(done?.response).not.toHaveProperty("timing");
    expect(done?.response.output[0].content).toEqual([{ type: "output_text", text: "Lights on." }]);
    await client.close();
  });

  test("sees a push-to-talk turn in OpenAI's order", async () => {
    const client = await host.plain();
    await client.update({ audio: { input: { turn_detection: null } } });
    client.sendSpeech(speech("lights"));
    client.send({ type: "input_audio_buffer.commit" });
    client.send({ type: "response.create", response: { metadata: { client_event_id: "abc" } } });
    await client.wait("response.done");
    expect(client.types()).toEqual(["session.created", "session.updated", ...COMMITTED, ...RESPONSE]);
    expect(client.all("response.created")[0]?.response.metadata).toEqual({ client_event_id: "abc" });
    await client.close();
  });

  test("hears its own words when it asks for them, from the start of speech on", async () => {
    const client = await host.plain();
    await client.update({ audio: { input: { transcription: { model: "any" } } } });
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.done");
    const types = client.types();
    const delta = types.indexOf("conversation.item.input_audio_transcription.delta");
    expect(delta).toBeGreaterThan(types.indexOf("input_audio_buffer.speech_started"));
    const completed = await client.wait("conversation.item.input_audio_transcription.completed");
    expect(completed.transcript).toBe("turn on the lights");
    expect(completed.item_id).toBe(client.all("input_audio_buffer.speech_started")[0]?.item_id);
    await client.close();
  });

  test("gets the usual errors for what cannot be done, and goes on", async () => {
    const client = await host.plain();
    await client.update({ audio: { input: { turn_detection: null } } });
    client.send({ type: "input_audio_buffer.commit", event_id: "e1" });
    client.send({ type: "response.cancel", event_id: "e2" });
    await client.wait("error", 2);
    expect(client.all("error").map(({ error }) => [error.code, error.event_id])).toEqual([
      ["input_audio_buffer_commit_empty", "e1"],
      ["response_cancel_not_active", "e2"],
    ]);
    // LiveKit's plugin ignores this error by its message.
    expect(client.all("error")[1]?.error.message).toMatch(/^Cancellation failed/);
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    });
    client.send({ type: "response.create" });
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
  });
});

describe("a client of aloud.v1", () => {
  test("speaks Opus and sees two channels of thought, timing and acknowledgements", async () => {
    const client = await host.aloud();
    await client.update({ audio: { input: { format: { type: "audio/opus" } } } });
    await client.sendOpus(turnOfSpeech);
    const done = await client.wait("response.done");
    expect(client.all("response.reasoning_text.delta").map(({ channel, delta }) => [channel, delta])).toEqual([
      ["semantic", "They want light."],
      ["acoustic", "A calm voice."],
    ]);
    expect(done.response.output.map((item: { type: string }) => item.type)).toEqual(["reasoning", "message"]);
    expect(JSON.stringify(client.events)).not.toContain("heuristic");
    expect(done.response.timing).toMatchObject({ speculated: true });
    expect(client.events.map(({ seq }) => seq)).toEqual(client.events.map((_, index) => index + 1));
    await client.wait("aloud.ack");
    await client.close();
  });
});
