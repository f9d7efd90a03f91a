/** Who has the floor: barge-in, cancelling, pauses that are none, and sound that is no speech. */
import { afterEach, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { joined, music, pinkNoise, silence, speech, whiteNoise } from "../helpers/sound.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";

function withResolvers() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

let host: TestGateway;
afterEach(() => host.close());

const answer = [
  { channel: "semantic", text: "Thinking." },
  { channel: "answer", text: "One " },
  { channel: "answer", text: "two " },
  { channel: "answer", text: "three." },
] as const;
const turnOfSpeech = joined(silence(500), speech("lights"), silence(1_200));

describe("barge-in", () => {
  test("cancels the answer with turn_detected, after speech_started, and answers the new turn", async () => {
    host = await startGateway({ answer: () => answer, pace: "stepped" });
    const client = await host.plain();
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.created");
    host.engine.release(2);
    await client.wait("response.output_text.delta");
    client.sendSpeech(joined(silence(300), speech("time"), silence(1_200)));
    const done = await client.wait("response.done");
    const types = client.types();
    expect(types.lastIndexOf("input_audio_buffer.speech_started")).toBeLessThan(types.indexOf("response.done"));
    expect(done.response).toMatchObject({ status: "cancelled", status_details: { type: "cancelled", reason: "turn_detected" } });
    expect(done.response.output[0]).toMatchObject({ status: "incomplete", content: [{ text: "One " }] });
    host.engine.releaseAll();
    expect((await client.wait("response.done", 2)).response.status).toBe("completed");
    await client.close();
  });

  test("leaves the answer alone when interrupt_response is false", async () => {
    host = await startGateway({ answer: () => answer, pace: "stepped" });
    const client = await host.plain();
    await client.update({ audio: { input: { turn_detection: { type: "server_vad", interrupt_response: false } } } });
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.created");
    client.sendSpeech(joined(silence(300), speech("time"), silence(1_200)));
    await client.wait("input_audio_buffer.committed", 2);
    host.engine.releaseAll();
    expect((await client.wait("response.done")).response.status).toBe("completed");
    expect(client.count("response.created")).toBe(1);
    await client.close();
  });

  test("response.cancel ends the answer with client_cancelled, and a second response may follow", async () => {
    host = await startGateway({ answer: () => answer, pace: "stepped" });
    const client = await host.plain();
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    });
    client.send({ type: "response.create" });
    client.send({ type: "response.create", event_id: "twice" });
    expect((await client.wait("error")).error).toMatchObject({ code: "conversation_already_has_active_response", event_id: "twice" });
    client.send({ type: "response.cancel" });
    expect((await client.wait("response.done")).response.status_details).toEqual({ type: "cancelled", reason: "client_cancelled" });
    host.engine.releaseAll();
    client.send({ type: "response.create" });
    expect((await client.wait("response.done", 2)).response.status).toBe("completed");
    await client.close();
  });
});

describe("a pause", () => {
  test("that is none takes the early answer back: one turn, one response, all of the audio", async () => {
    const heard: number[] = [];
    const drafted = withResolvers();
    host = await startGateway({
      answer: (turn) => {
        heard.push(turn.audioSamples);
        drafted.resolve();
        return answer;
      },
    });
    const client = await host.aloud();
    client.sendSpeech(joined(silence(500), speech("lights")));
    await drafted.promise;
    client.sendSpeech(joined(speech("time"), silence(1_200)));
    await client.wait("response.done");
    expect(client.count("input_audio_buffer.speech_started")).toBe(1);
    expect(client.count("response.created")).toBe(1);
    const spoken = speech("lights").length + speech("time").length;
    expect(heard).toHaveLength(2);
    expect(heard.at(-1)).toBeGreaterThan(spoken * 0.9);
    await client.close();
  });

  test("longer than silence_duration_ms makes two turns", async () => {
    host = await startGateway({ answer: () => answer, pace: "stepped" });
    const client = await host.plain();
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.created");
    host.engine.releaseAll();
    await client.wait("response.done");
    client.sendSpeech(turnOfSpeech);
    await client.wait("response.done", 2);
    expect(client.count("input_audio_buffer.committed")).toBe(2);
    expect(client.all("input_audio_buffer.committed")[1]?.previous_item_id).toBe(client.all("response.done")[0]?.response.output[0].id);
    await client.close();
  });

  test("in which the client stops sending ends the turn all the same", async () => {
    const clock = new VirtualClock();
    host = await startGateway({ answer: () => answer }, {}, { clock });
    const client = await host.plain();
    client.sendSpeech(joined(silence(500), speech("lights")));
    await client.wait("input_audio_buffer.speech_started");
    await client.sync();
    expect(client.count("response.created")).toBe(0);
    clock.advance(2_600);
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
  });

  test("without speculation starts the answer at the endpoint", async () => {
    host = await startGateway({ answer: () => answer }, { speculate: false });
    const client = await host.aloud();
    client.sendSpeech(turnOfSpeech);
    expect((await client.wait("response.done")).response.timing.speculated).toBe(false);
    await client.close();
  });
});

describe("create_response: false", () => {
  test("commits, transcribes and keeps quiet until asked", async () => {
    host = await startGateway({ answer: () => [{ transcript: "turn on the lights" }, ...answer] });
    const client = await host.plain();
    const turn_detection = { type: "server_vad", create_response: false };
    await client.update({ audio: { input: { turn_detection, transcription: { model: "any" } } } });
    client.sendSpeech(turnOfSpeech);
    expect((await client.wait("conversation.item.input_audio_transcription.completed")).transcript).toBe("turn on the lights");
    expect(client.count("response.created")).toBe(0);
    client.send({ type: "response.create" });
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
  });
});

describe("what is no speech", () => {
  const sounds = [
    ["silence", silence(4_000)],
    ["white noise", whiteNoise(4_000, 0.1)],
    ["pink noise", pinkNoise(4_000, 0.15)],
    ["music", music(6_000, 0.4)],
  ] as const;
  test.each(sounds)("%s starts no turn", async (_name, sound) => {
    host = await startGateway({ answer: () => answer });
    const client = await host.plain();
    client.sendSpeech(joined(sound, silence(1_500)));
    client.send({ type: "input_audio_buffer.clear" });
    await client.wait("input_audio_buffer.cleared");
    expect(client.types()).toEqual(["session.created", "input_audio_buffer.cleared"]);
    await client.close();
  });

  test("a short sound in which the model hears no word gets no response and is forgotten", async () => {
    host = await startGateway({
      prefilled: () => ({ transcript: { stable: "", tail: "" } }),
      answer: (turn) => (turn.text === "" ? [{ transcript: "" }, ...answer] : answer),
    });
    const client = await host.plain();
    client.sendSpeech(joined(silence(500), speech("time").subarray(0, 6_400), silence(1_500)));
    await client.wait("conversation.item.done");
    client.send({ type: "input_audio_buffer.clear" });
    await client.wait("input_audio_buffer.cleared");
    expect(client.count("response.created")).toBe(0);
    await client.close();
  });

  test("clear speech without a word understood is answered by the model", async () => {
    host = await startGateway({
      prefilled: () => ({ transcript: { stable: "", tail: "" } }),
      answer: () => [{ transcript: "" }, ...answer],
    });
    const client = await host.plain();
    client.sendSpeech(turnOfSpeech);
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
  });
});
