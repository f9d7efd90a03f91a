/** A client that hides nothing: every event and close code as it came over the socket. */
import { type ClientOptions, WebSocket } from "ws";
import { encodeAudioPacket } from "../../client-sdk/src/protocol/index.ts";
import { opusPackets } from "./opus.ts";
import { asAppends } from "./sound.ts";

/** Loose on purpose: tests look at what is really there. */
// biome-ignore lint/suspicious/noExplicitAny: wire events are inspected by path in tests
export type WireEvent = { type: string; event_id: string; seq?: number } & Record<string, any>;

/** How long a test waits for an event before it says which one is missing, in ms. */
const PATIENCE_MS = 8_000;

export class WireClient {
  readonly events: WireEvent[] = [];
  readonly binaries: number[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiters = new Set<() => void>();
  #seq = 0;
  #time48k = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary) this.binaries.push((data as Buffer).length);
      else this.events.push(JSON.parse(data.toString()) as WireEvent);
      for (const waiter of this.#waiters) waiter();
    });
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })));
  }

  static async open(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WireClient> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/realtime?model=any`, protocols, options);
    const client = new WireClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        response.resume();
        reject(new Error(`HTTP ${response.statusCode} ${JSON.stringify(response.headers)}`));
      });
    });
    await client.wait("session.created");
    return client;
  }

  send(event: Record<string, unknown>): void {
    this.socket.send(JSON.stringify(event));
  }

  sendSpeech(samples: Float32Array): void {
    for (const audio of asAppends(samples)) this.send({ type: "input_audio_buffer.append", audio });
  }

  async sendOpus(samples: Float32Array): Promise<void> {
    for (const packet of await opusPackets(samples)) this.sendPacket(packet);
  }

  sendPacket(packet: Uint8Array, ms = 20): void {
    this.socket.send(encodeAudioPacket({ seq: this.#seq++, captureTime48k: this.#time48k, packet }));
    this.#time48k += ms * 48;
  }

  /** Time in which the client sent nothing. */
  skip(ms: number): void {
    this.#time48k += ms * 48;
  }

  async update(session: Record<string, unknown>): Promise<WireEvent> {
    const seen = this.count("session.updated");
    this.send({ type: "session.update", session: { type: "realtime", ...session } });
    return this.wait("session.updated", seen + 1);
  }

  count(type: string): number {
    return this.events.filter((event) => event.type === type).length;
  }

  types(): string[] {
    return this.events.map((event) => event.type);
  }

  all(type: string): WireEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** The n-th event of a type, waiting for it if need be. */
  async wait(type: string, nth = 1): Promise<WireEvent> {
    await this.until(() => this.count(type) >= nth, `${type} number ${nth}`);
    const found = this.all(type)[nth - 1];
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiters.delete(check);
        reject(new Error(`no ${what} within ${PATIENCE_MS} ms; came: ${this.types().join(", ")}`));
      }, PATIENCE_MS);
      const check = () => {
        if (!condition()) return;
        clearTimeout(late);
        this.#waiters.delete(check);
        resolve();
      };
      this.#waiters.add(check);
      check();
    });
  }

  /** A round trip: audio sent before has been looked at, and whatever the server had to say to it at once has come. */
  async sync(): Promise<void> {
    await this.update({});
    this.events.splice(
      this.events.findLastIndex((event) => event.type === "session.updated"),
      1,
    );
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
