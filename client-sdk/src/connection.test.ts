import { describe, expect, test } from "vitest";
import { openConnection, parseServerEvent, type Socket } from "./connection.ts";
import { decodeAudioPacket } from "./protocol/audio-frame.ts";
import type { ServerEvent } from "./protocol/server-events.ts";

/** A socket that the test plays the server of. */
class FakeSocket implements Socket {
  static last: FakeSocket;
  binaryType = "blob";
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: (string | Uint8Array<ArrayBuffer>)[] = [];
  readonly protocols: string[];
  readonly #listeners = new Map<string, ((event: unknown) => void)[]>();

  constructor(_url: string, protocols: string[]) {
    this.protocols = protocols;
    FakeSocket.last = this;
  }
  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(data);
  }
  close(): void {
    this.emit("close", { code: 1000, reason: "" });
  }
  open(): void {
    this.readyState = 1;
    this.emit("open", {});
  }
  emit(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }
  receive(event: object): void {
    this.emit("message", { data: JSON.stringify(event) });
  }
}

function connect(key?: string) {
  const events: ServerEvent[] = [];
  const onEvent = (event: ServerEvent) => events.push(event);
  const connection = openConnection({ url: "ws://host/v1/realtime", WebSocket: FakeSocket, key, onEvent });
  return { connection, socket: FakeSocket.last, events };
}

describe("openConnection()", () => {
  test("offers aloud.v1, and its key where it has one", () => {
    expect(connect().socket.protocols).toEqual(["aloud.v1"]);
    expect(connect("ek_1").socket.protocols).toEqual(["aloud.v1", "openai-insecure-api-key.ek_1"]);
  });

  test("numbers packets from 0 and counts those that are not acknowledged", () => {
    const { connection, socket } = connect();
    socket.open();
    connection.sendAudio(Uint8Array.of(1), 0);
    connection.sendAudio(Uint8Array.of(2), 960);
    expect(connection.unacknowledgedPackets()).toBe(2);
    socket.receive({ type: "aloud.ack", audio_seq: 0 });
    expect(connection.unacknowledgedPackets()).toBe(1);
    expect(decodeAudioPacket(socket.sent[1] as Uint8Array)).toMatchObject({ seq: 1, captureTime48k: 960 });
  });

  test("acknowledges a finished response at once and other events only now and then", () => {
    const { socket } = connect();
    socket.open();
    for (let seq = 1; seq <= 64; seq++) socket.receive({ type: "response.output_text.delta", seq });
    expect(socket.sent).toEqual(['{"type":"aloud.ack","event_seq":64}']);
    socket.receive({ type: "response.done", seq: 65 });
    expect(socket.sent.at(-1)).toBe('{"type":"aloud.ack","event_seq":65}');
  });

  test("drops what is not an event", () => {
    const { socket, events } = connect();
    socket.open();
    socket.emit("message", { data: "not JSON" });
    socket.emit("message", { data: new ArrayBuffer(3) });
    socket.receive({ hello: 1 });
    expect(events).toEqual([]);
  });

  test("tells who ended it, once", async () => {
    const { connection, socket } = connect();
    socket.open();
    socket.emit("close", { code: 1013, reason: "server_busy" });
    connection.close();
    expect(await connection.closed).toEqual({ by: "server", code: 1013, reason: "server_busy" });
  });

  test("rejects `opened` with what the socket said when it never opens", async () => {
    const { connection, socket } = connect();
    socket.emit("error", { message: "connect ECONNREFUSED" });
    socket.emit("close", { code: 1006, reason: "" });
    await expect(connection.opened).rejects.toThrow("connect ECONNREFUSED");
    expect((await connection.closed).by).toBe("network");
  });
});

test("parseServerEvent() returns undefined for arrays, numbers and broken JSON", () => {
  expect(["[]", "3", "{", '{"type":3}'].map(parseServerEvent)).toEqual([undefined, undefined, undefined, undefined]);
});
