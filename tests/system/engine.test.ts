/** What becomes of a turn when the engine loads, fails, crashes, or runs out of its token budget. */
import { AloudError } from "@aloud/client/protocol";
import type { ScriptedTurn } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import type { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { joined, silence, speech } from "../helpers/sound.ts";

let host: TestGateway;
afterEach(() => host.close());

const turnOfSpeech = joined(silence(500), speech("lights"), silence(1_200));
const say = (text: string) => ({ channel: "answer", text }) as const;
const think = { channel: "semantic", text: "Thinking." } as const;

function ask(client: WireClient, text = "hi", response: Record<string, unknown> = {}): void {
  client.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  client.send({ type: "response.create", response });
}

describe("an engine that crashes", () => {
  test("in the middle of an answer fails the turn, and the session goes on", async () => {
    let crashes = 1;
    host = await startGateway({ answer: () => (crashes-- > 0 ? [think, say("One "), "crash"] : [say("Two.")]) });
    const client = await host.plain();
    ask(client);
    const failed = (await client.wait("response.done")).response;
    expect(failed.status).toBe("failed");
    expect(failed.status_details.error).toMatchObject({ type: "server_error", code: "engine_unavailable" });
    expect(failed.usage).not.toBeNull();
    ask(client);
    expect((await client.wait("response.done", 2)).response.output[0].content[0].text).toBe("Two.");
    await client.close();
  });

  test("before it has said anything is asked again, with all of the turn's audio", async () => {
    const turns: ScriptedTurn[] = [];
    host = await startGateway({
      answer: (turn) => {
        turns.push(turn);
        return turns.length === 1 ? ["crash"] : [say("Again.")];
      },
    });
    const client = await host.plain();
    client.sendSpeech(turnOfSpeech);
    expect((await client.wait("response.done")).response.status).toBe("completed");
    expect(turns[1]?.audioSamples).toBe(turns[0]?.audioSamples);
    expect(turns[1]?.audioSamples).toBeGreaterThan(speech("lights").length * 0.8);
    await client.close();
  });

  test("while the user speaks loses none of the audio", async () => {
    const heard: number[] = [];
    host = await startGateway({
      answer: (turn) => {
        heard.push(turn.audioSamples);
        return [say("Yes.")];
      },
    });
    const client = await host.plain();
    const half = speech("lights").subarray(0, 24_000);
    client.sendSpeech(joined(silence(500), half));
    await client.wait("input_audio_buffer.speech_started");
    host.engine.crash();
    client.sendSpeech(joined(speech("lights").subarray(24_000), silence(1_200)));
    await client.wait("response.done");
    expect(heard.at(-1)).toBeGreaterThan(speech("lights").length * 0.8);
    await client.close();
  });

  test("remembers the conversation as text", async () => {
    let told: string | undefined;
    host = await startGateway({ answer: (turn) => [say(`heard ${turn.text}`)] });
    const { open } = host.engine;
    host.engine.open = (setup) => {
      told = setup.items?.map((item) => (item.type === "text" ? `${item.role}: ${item.text}` : item.name)).join("; ");
      return open(setup);
    };
    const client = await host.plain();
    ask(client, "first");
    await client.wait("response.done");
    host.engine.crash();
    ask(client, "second");
    expect((await client.wait("response.done", 2)).response.output[0].content[0].text).toBe("heard second");
    expect(told).toBe("user: first; assistant: heard first");
    await client.close();
  });

  test("for good fails one response after the other, without ending the session", async () => {
    host = await startGateway({ answer: () => [{ fail: new AloudError("engine_failed", "out of memory") }] });
    const client = await host.plain();
    for (let n = 1; n <= 3; n++) {
      ask(client);
      expect((await client.wait("response.done", n)).response.status_details.error.code).toBe("engine_failed");
    }
    await client.close();
    while (host.gateway.sessions() > 0) await new Promise(setImmediate);
    while (host.engine.openConversations > 0) await new Promise(setImmediate);
  });
});

test("a turn spoken while the engine loads is answered once it has, and aloud.v1 sees it load", async () => {
  host = await startGateway({ answer: () => [say("Ready.")], loading: true });
  const client = await host.aloud();
  expect((await client.wait("aloud.engine.status")).state).toBe("loading");
  client.sendSpeech(turnOfSpeech);
  await client.wait("input_audio_buffer.committed");
  host.engine.startLoading(0.5);
  host.engine.finishLoading();
  expect((await client.wait("response.done")).response.status).toBe("completed");
  expect(
    client
      .all("aloud.engine.status")
      .map(({ state, progress }) => [state, progress])
      .slice(0, 3),
  ).toEqual([
    ["loading", 0],
    ["loading", 0.5],
    ["ready", 1],
  ]);
  await client.close();
});

describe("an answer", () => {
  const long = Array.from({ length: 1_200 }, (_, index) => say(`${index} `));

  test("longer than the engine's budget is continued, invisibly, to its end", async () => {
    host = await startGateway({ answer: () => long });
    const client = await host.plain();
    ask(client);
    const { response } = await client.wait("response.done");
    expect(response.status).toBe("completed");
    expect(response.output[0].content[0].text).toBe(long.map(({ text }) => text).join(""));
    expect(response.usage.output_tokens).toBe(1_200);
    await client.close();
  });

  test("that reaches the client's own limit is incomplete and says so", async () => {
    host = await startGateway({ answer: () => long });
    const client = await host.plain();
    ask(client, "hi", { max_output_tokens: 3 });
    const { response } = await client.wait("response.done");
    expect(response).toMatchObject({ status: "incomplete", status_details: { type: "incomplete", reason: "max_output_tokens" } });
    expect(response.output[0]).toMatchObject({ status: "incomplete", content: [{ text: "0 1 2 " }] });
    await client.close();
  });

  test("with reasoning.effort none comes without thinking", async () => {
    const modes: string[] = [];
    host = await startGateway({
      answer: (turn) => {
        modes.push(turn.mode);
        return [think, say("Yes.")];
      },
    });
    const client = await host.aloud();
    ask(client, "hi", { reasoning: { effort: "none" } });
    await client.wait("response.done");
    expect(modes).toEqual(["direct"]);
    expect(client.count("response.reasoning_text.delta")).toBe(0);
    await client.close();
  });
});

test("deleting an item makes the model forget it", async () => {
  host = await startGateway({ answer: () => [say("Yes.")] });
  const told: string[] = [];
  const { open } = host.engine;
  host.engine.open = (setup) => {
    told.push((setup.items ?? []).map((item) => (item.type === "text" ? item.text : item.name)).join(" "));
    return open(setup);
  };
  const client = await host.plain();
  ask(client, "secret");
  await client.wait("response.done");
  client.send({ type: "conversation.item.delete", item_id: client.all("conversation.item.added")[0]?.item.id });
  await client.wait("conversation.item.deleted");
  ask(client, "again");
  await client.wait("response.done", 2);
  expect(told).toEqual(["", "Yes."]);
  await client.close();
});
