/**
 * Stands between a client and the server, on a free port, with TLS or without: passes every byte on unchanged, and reads along what the
 * two say to each other.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { WireEvent } from "../helpers/client.ts";

export interface Overheard {
  readonly fromServer: WireEvent[];
  readonly fromClient: WireEvent[];
  /** The longest message of the client, in bytes. */
  longest: number;
}

export interface Tap {
  /** Where clients find the server: `http://localhost:PORT` or `https://…`. */
  readonly url: string;
  /** Connections that became WebSockets, in their order. */
  readonly overheard: Overheard[];
  close(): Promise<void>;
}

const HEAD_END = "\r\n\r\n";

/** Calls back with each text message of one direction of a WebSocket; the handshake before them is skipped. */
function readMessages(onOpen: () => void, onText: (text: string) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let isOpen = false;
  let message: Buffer[] = [];
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    if (!isOpen) {
      const end = rest.indexOf(HEAD_END);
      if (end < 0) return;
      const head = rest.subarray(0, end).toString("latin1").toLowerCase();
      // Other HTTP (client secrets) is passed on unread.
      if (!/^upgrade: websocket\r?$/m.test(head)) return;
      isOpen = true;
      rest = rest.subarray(end + HEAD_END.length);
      onOpen();
    }
    for (;;) {
      const [first, second] = rest;
      if (first === undefined || second === undefined) return;
      const short = second & 0x7f;
      const headLength = (short === 126 ? 4 : short === 127 ? 10 : 2) + (second & 0x80 ? 4 : 0);
      if (rest.length < headLength) return;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < headLength + length) return;
      const payload = Buffer.from(rest.subarray(headLength, headLength + length));
      if (second & 0x80) {
        const mask = rest.subarray(headLength - 4, headLength);
        for (let at = 0; at < length; at++) payload.writeUInt8(payload.readUInt8(at) ^ (mask[at & 3] ?? 0), at);
      }
      rest = rest.subarray(headLength + length);
      if ((first & 0x0f) > 0x01) continue;
      message.push(payload);
      if (!(first & 0x80)) continue;
      onText(Buffer.concat(message).toString("utf8"));
      message = [];
    }
  };
}

/** @param server the server's URL @param tls what to speak TLS with, if at all */
export async function openTap(server: string, tls?: { readonly key: string; readonly cert: string }): Promise<Tap> {
  const target = new URL(server);
  const overheard: Overheard[] = [];
  const sockets = new Set<Socket>();
  const bridge = (client: Socket) => {
    const upstream = connect(Number(target.port), "127.0.0.1");
    const heard: Overheard = { fromServer: [], fromClient: [], longest: 0 };
    const fromServer = readMessages(
      () => overheard.push(heard),
      (text) => heard.fromServer.push(JSON.parse(text)),
    );
    const fromClient = readMessages(
      () => {},
      (text) => {
        heard.longest = Math.max(heard.longest, Buffer.byteLength(text));
        heard.fromClient.push(JSON.parse(text));
      },
    );
    client.on("data", fromClient).pipe(upstream);
    upstream.on("data", fromServer).pipe(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroySoon();
      });
    }
  };
  const listener = tls === undefined ? createTcpServer(bridge) : createTlsServer(tls, bridge);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `${tls === undefined ? "http" : "https"}://localhost:${(listener.address() as AddressInfo).port}`,
    overheard,
    async close() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, "close");
    },
  };
}
