/** The front door: HTTP, who may upgrade, how many, and what happens to the rest. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";

let host: TestGateway;
afterEach(() => host.close());

/** Sends raw bytes and returns everything that came until the server closed. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1", () => socket.write(request));
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

const upgrade = (path: string, headers: Record<string, string> = {}) =>
  `GET ${path} HTTP/1.1\r\n${Object.entries({
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    ...headers,
  })
    .map(([name, value]) => `${name}: ${value}`)
    .join("\r\n")}\r\n\r\n`;

describe("HTTP", () => {
  test("is healthy at once, ready when the engine is, and measured", async () => {
    host = await startGateway({ loading: true });
    const get = (path: string) => fetch(host.gateway.url + path);
    expect((await get("/healthz")).status).toBe(200);
    const loading = await get("/readyz");
    expect([loading.status, (await loading.json()).state]).toEqual([503, "loading"]);
    host.engine.finishLoading();
    expect((await get("/readyz")).status).toBe(200);
    expect(await (await get("/metrics")).text()).toMatch(/^aloud_sessions 0$/m);
    expect((await get("/v1/realtime")).status).toBe(426);
  });

  test("serves the demo's files with strict headers, and nothing outside them", async () => {
    const dir = mkdtempSync(join(tmpdir(), "aloud-demo-"));
    writeFileSync(join(dir, "index.html"), "<!doctype html>");
    writeFileSync(join(dir, "main-a1b2c3d4.js"), "");
    host = await startGateway({}, {}, { demoDir: dir });
    const page = await fetch(`${host.gateway.url}/`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    expect((await fetch(`${host.gateway.url}/main-a1b2c3d4.js`)).headers.get("cache-control")).toContain("immutable");
    expect(await raw(host.gateway.port, "GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).toMatch(
      /^HTTP\/1.1 40[034]/,
    );
    rmSync(dir, { recursive: true });
  });
});

describe("an upgrade", () => {
  test.each([
    ["to another path", upgrade("/healthz"), "404"],
    ["to a path that only begins like ours", upgrade("/v1/realtime2"), "404"],
    ["from another site", upgrade("/v1/realtime", { Origin: "https://evil.example" }), "403"],
    ["without a key", upgrade("/v1/realtime", { "Sec-WebSocket-Key": "no" }), "400"],
    ["to another protocol", upgrade("/v1/realtime", { Upgrade: "h2c" }), "400"],
  ])("%s is answered and the socket closed", async (_what, request, status) => {
    host = await startGateway();
    expect(await raw(host.gateway.port, request)).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
  });

  test("that is refused leaves no descriptor behind", async () => {
    host = await startGateway();
    await raw(host.gateway.port, upgrade("/nowhere"));
    const before = readdirSync("/proc/self/fd").length;
    await Promise.all(Array.from({ length: 60 }, () => raw(host.gateway.port, upgrade("/nowhere"))));
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2);
  });

  test("beyond the last session is told to come back later", async () => {
    host = await startGateway({}, { maxSessions: 1 });
    const first = await host.plain();
    await expect(host.plain()).rejects.toThrow(/HTTP 503 .*"retry-after":"5"/);
    await first.close();
    await (await host.plain()).close();
  });

  test("with a key as stock browser clients send it is accepted, and the key neither answered nor logged", async () => {
    host = await startGateway();
    const client = await WireClient.open(host.gateway.url, ["realtime", "openai-insecure-api-key.sk-canary", "openai-agents-sdk.0.20.0"]);
    expect(client.socket.protocol).toBe("realtime");
    await client.close();
    expect(host.log.join("")).not.toContain("canary");
  });

  test("that offers nothing gets no subprotocol and the plain dialect", async () => {
    host = await startGateway();
    const client = await WireClient.open(host.gateway.url);
    expect([client.socket.protocol, client.events[0]?.seq]).toEqual(["", undefined]);
    await client.close();
  });
});

describe("closing", () => {
  test("turns readiness red, lets the running turn finish, then closes with 1012", async () => {
    host = await startGateway({ answer: () => [{ channel: "answer", text: "Yes." }], pace: "stepped" });
    const client = await host.plain();
    const idle = await host.plain();
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] },
    });
    client.send({ type: "response.create" });
    await client.wait("response.created");
    const closing = host.gateway.close();
    expect((await fetch(`${host.gateway.url}/readyz`)).status).toBe(503);
    await expect(host.plain()).rejects.toThrow("HTTP 503");
    host.engine.releaseAll();
    expect((await client.closed).code).toBe(1012);
    expect((await client.wait("response.done")).response.status).toBe("completed");
    expect((await idle.closed).code).toBe(1012);
    await closing;
    expect(host.engine.openConversations).toBe(0);
  });
});
