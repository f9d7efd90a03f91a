/**
 * Stands between a client and the server, on a free port, with TLS or without: passes every byte on unchanged, and reads along what the
 * server says.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { WireEvent } from "../helpers/client.ts";

export interface Tap {
  /** Where clients find the server: `http://localhost:PORT` or `https://…`. */
  readonly url: string;
  /** What the server said on each connection that became a WebSocket, in their order. */
  readonly overheard: readonly (readonly WireEvent[])[];
  close(): Promise<void>;
}

const HEAD_END = "\r\n\r\n";

/** Calls back with each text message of a server, which never masks them; the handshake before them is skipped. */
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
      const headLength = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.length < headLength) return;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < headLength + length) return;
      const payload = Buffer.from(rest.subarray(headLength, headLength + length));
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
  const overheard: WireEvent[][] = [];
  const sockets = new Set<Socket>();
  const bridge = (client: Socket) => {
    const upstream = connect(Number(target.port), "127.0.0.1");
    const events: WireEvent[] = [];
    const read = readMessages(
      () => overheard.push(events),
      (text) => events.push(JSON.parse(text)),
    );
    client.pipe(upstream);
    upstream.on("data", read).pipe(client);
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
