/** What a hostile or broken client can do: it gets a typed error or a close code, and nobody else notices. */
import { connect } from "node:net";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Clock, GatewayConfig } from "../../gateway/src/index.ts";
import { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { opusPackets } from "../helpers/opus.ts";
import { joined, silence, speech } from "../helpers/sound.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";

let host: TestGateway;
let neighbor: WireClient;
beforeAll(async () => {
  host = await startGateway();
});
afterAll(() => host.close());
beforeEach(async () => {
  neighbor = await host.plain();
});
/** Another session goes on as if nothing had happened. */
afterEach(async () => {
  neighbor.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
  });
  neighbor.send({ type: "response.create" });
  expect((await neighbor.wait("response.done")).response.status).toBe("completed");
  await neighbor.close();
});

const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("a message that is none", () => {
  test.each([
    ["not JSON", "{", "invalid_json"],
    ["an empty message", "", "invalid_json"],
    ["not an object", "[]", "invalid_type"],
    ["without a type", "{}", "missing_required_parameter"],
    ["of an unknown type", '{"type":"session.destroy"}', "unknown_event_type"],
    ["named like a property of Object", '{"type":"constructor"}', "unknown_event_type"],
    ["deeply nested", `{"type":"session.update","session":${deep(20_000)}}`, "invalid_type"],
    ["with a huge array", `{"type":"session.update","session":{"output_modalities":[${"0,".repeat(30_000)}0]}}`, "invalid_value"],
    ["with audio that is not base64", '{"type":"input_audio_buffer.append","audio":"%%%%"}', "invalid_value"],
    ["with half a sample", '{"type":"input_audio_buffer.append","audio":"AAAA"}', "invalid_value"],
    ["about an item that is not there", '{"type":"conversation.item.delete","item_id":"x"}', "item_not_found"],
    [
      "with an image",
      '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_image"}]}}',
      "unsupported_value",
    ],
    [
      "asking for Opus without having negotiated it",
      '{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/opus"}}}}}',
      "unsupported_value",
    ],
  ])("%s gets a typed error and keeps its session", async (_what, message, code) => {
    const client = await host.plain();
    client.socket.send(message);
    expect((await client.wait("error")).error.code).toBe(code);
    await client.update({ instructions: "still here" });
    await client.close();
  });

  test("too often ends the session with 1008", async () => {
    const client = await host.plain();
    for (let n = 0; n < 40; n++) client.socket.send("{");
    expect(await client.closed).toEqual({ code: 1008, reason: "too_many_errors" });
    expect(client.all("error").at(-1)?.error.code).toBe("too_many_errors");
  });
});

describe("binary", () => {
  test("on a plain connection ends it with 1003", async () => {
    const client = await host.plain();
    client.socket.send(new Uint8Array(100));
    expect(await client.closed).toEqual({ code: 1003, reason: "binary_not_negotiated" });
  });

  test("random and truncated packets get typed errors, few of them, and good audio goes on", async () => {
    const client = await host.aloud();
    await client.update({ audio: { input: { format: { type: "audio/opus" }, turn_detection: null } } });
    const packets = await opusPackets(speech("time"));
    client.socket.send(new Uint8Array(3));
    client.sendPacket(Uint8Array.of(0x4b, 0x00));
    client.sendPacket((packets[0] ?? new Uint8Array(1)).subarray(0, 1));
    for (const packet of packets) client.sendPacket(packet);
    client.send({ type: "input_audio_buffer.commit" });
    await client.wait("input_audio_buffer.committed");
    expect(client.all("error").map(({ error }) => error.code)).toEqual(["audio_packet_invalid", "audio_packet_invalid"]);
    await client.close();
  });

  test("a flood of rubbish ends the session", async () => {
    const client = await host.aloud();
    await client.update({ audio: { input: { format: { type: "audio/opus" } } } });
    for (let n = 0; n < 60; n++) client.sendPacket(Uint8Array.of(0x4b, 0x00));
    expect((await client.closed).code).toBe(1008);
  });
});

describe("the frames of the socket", () => {
  test("a message above 64 KiB ends it with 1009", async () => {
    const client = await host.plain();
    client.socket.send("x".repeat(65_537));
    expect((await client.closed).code).toBe(1009);
  });

  test("a message in very many fragments ends it", async () => {
    const client = await host.plain();
    for (let n = 0; n < 40; n++) client.socket.send("a", { fin: false });
    expect((await client.closed).code).toBeGreaterThanOrEqual(1002);
  });

  test("random bytes after the handshake end it", async () => {
    const closed = await new Promise<string>((resolve) => {
      const socket = connect(host.gateway.port, "127.0.0.1", () =>
        socket.write(
          "GET /v1/realtime HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        ),
      );
      socket.once("data", () => socket.write(Buffer.from("f7a1c3d4e5f60718293a4b5c6d7e8f90", "hex")));
      socket.on("close", () => resolve("closed"));
      socket.on("error", () => {});
      socket.resume();
    });
    expect(closed).toBe("closed");
  });

  test("a peer that vanishes in the middle of a turn leaves nothing behind", async () => {
    const client = await host.plain();
    client.sendSpeech(joined(silence(300), speech("lights")));
    await client.wait("input_audio_buffer.speech_started");
    client.socket.terminate();
    await client.closed;
    while (host.gateway.sessions() > 1) await turnOfTheLoop();
    while (host.engine.openConversations > 0) await turnOfTheLoop();
    const metrics = await (await fetch(`${host.gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/^aloud_opus_decoders 0$/m);
    expect(metrics).toMatch(/^aloud_vad_waiting_windows 0$/m);
  });
});

test("a client that never reads is closed, with what waits for it bounded", async () => {
  const client = await host.plain();
  client.socket.pause();
  const before = process.memoryUsage().rss;
  const instructions = "x".repeat(16_000);
  for (let n = 0; n < 1_000; n++) client.send({ type: "session.update", session: { instructions } });
  while (host.gateway.sessions() > 1) await turnOfTheLoop();
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  expect(host.log.some((line) => line.includes("slow_consumer"))).toBe(true);
  client.socket.terminate();
});

describe("time", () => {
  const withClock = async (run: (client: WireClient, clock: VirtualClock) => Promise<void>, config: Partial<GatewayConfig> = {}) => {
    const clock = new VirtualClock();
    const timed = await startGateway({}, config, { clock: clock satisfies Clock });
    try {
      await run(await timed.plain(), clock);
      while (timed.gateway.sessions() > 0) await turnOfTheLoop();
      // Closing cancels every timer of the session.
      expect(clock.pending()).toBe(0);
    } finally {
      await timed.close();
    }
  };

  test("a client that sends something now and then may stay", () =>
    withClock(async (client, clock) => {
      while (clock.now() < 16 * 60_000) {
        clock.advance(20_000);
        await client.sync();
      }
      await client.close();
    }));

  test("a silent client is closed with 1001", () =>
    withClock(async (client, clock) => {
      let pings = 0;
      client.socket.on("ping", () => {
        pings++;
      });
      while (client.count("error") === 0) {
        const seen = pings;
        clock.advance(20_000);
        while (pings === seen && client.socket.readyState === client.socket.OPEN && client.count("error") === 0) await turnOfTheLoop();
        // The pong is on its way; a round trip to another server leaves it time to arrive.
        await neighbor.sync();
      }
      expect(await client.closed).toEqual({ code: 1001, reason: "idle_timeout" });
    }));

  test.each([
    ["60 minutes", {}, 60],
    ["as long as the operator says", { maxSessionMs: 5 * 60_000 }, 5],
  ])("a session lasts %s, then is told so and closed with 1001", (_what, config, minutes) =>
    withClock(async (client, clock) => {
      const { expires_at } = (await client.wait("session.created")).session;
      expect(expires_at * 1_000).toBe(clock.unixMs() + minutes * 60_000);
      // Sent often enough to be neither idle nor dead.
      while (clock.now() < minutes * 60_000 - 20_000) {
        clock.advance(20_000);
        await client.sync();
      }
      clock.advance(19_999);
      await client.sync();
      expect(client.count("error")).toBe(0);
      clock.advance(1);
      expect(await client.closed).toEqual({ code: 1001, reason: "session_expired" });
      expect(client.all("error").map(({ error }) => [error.code, error.message])).toEqual([
        ["session_expired", `the session reached its limit of ${minutes} minutes; open a new one`],
      ]);
    }, config),
  );

  test("a peer that answers no ping is cut off", () =>
    withClock(async (client, clock) => {
      client.socket.pause();
      clock.advance(20_000);
      clock.advance(20_000);
      client.socket.resume();
      expect((await client.closed).code).toBe(1006);
    }));
});

test("the log never holds what a client said, wrote or is known by", async () => {
  const client = await WireClient.open(host.gateway.url, ["aloud.v1"], {
    headers: { authorization: "Bearer canary-key", cookie: "canary-cookie" },
  });
  await client.update({ instructions: "canary-instructions" });
  client.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "canary-text" }] },
  });
  client.send({ type: "response.create", response: { metadata: { note: "canary-note" } } });
  await client.wait("response.done");
  client.socket.send('{"type":"canary-type"}');
  client.socket.send('{"canary":');
  await client.wait("error", 2);
  await client.close();
  expect(host.log.length).toBeGreaterThan(0);
  expect(host.log.join("")).not.toContain("canary");
});
