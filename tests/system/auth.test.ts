/** Keys, client secrets and quotas, through a real server: who gets in, what the others are told, and who must leave again. */
import { get } from "node:http";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { ConversationSetup } from "@aloud/engine";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import type { GatewayConfig } from "../../gateway/src/index.ts";
import { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { KeysFile, nearly } from "../helpers/keys.ts";
import { VirtualClock } from "../helpers/virtual-clock.ts";

let host: TestGateway;
let keys: KeysFile;
let clock: VirtualClock;
let key: string;
/** Everything secret that a test has seen. */
let canaries: string[];

beforeEach(() => {
  keys = new KeysFile();
  clock = new VirtualClock();
  key = keys.add("laptop");
  canaries = [key];
});
afterEach(async () => {
  await host.close();
  keys.remove();
  const log = host.log.join("");
  // The part behind the id: 192 bits that belong into nobody's log.
  for (const secret of canaries) expect(log).not.toContain(secret.slice(16));
});

const start = async (config: Partial<GatewayConfig> = {}) => {
  host = await startGateway({}, { keysFile: keys.path, origins: ["same", "none"], ...config }, { clock });
};
const bearer = (secret: string): ClientOptions => ({ headers: { authorization: `Bearer ${secret}` } });
const connect = (secret: string) => WireClient.open(host.gateway.url, ["realtime"], bearer(secret));
/** As a page does: an Origin, and the key as a subprotocol. */
const page = (secret: string | undefined, origin = host.gateway.url): ClientOptions & { protocols: string[] } => ({
  headers: { origin },
  protocols: secret === undefined ? ["realtime"] : ["realtime", `openai-insecure-api-key.${secret}`],
});
const openPage = (secret: string, origin?: string) => {
  const { protocols, ...options } = page(secret, origin);
  return WireClient.open(host.gateway.url, protocols, options);
};
/** A connection that is told why and closed. */
async function refusedPage(secret: string | undefined, origin?: string) {
  const { protocols, ...options } = page(secret, origin);
  const client = new WireClient(new WebSocket(`${host.gateway.url.replace("http", "ws")}/v1/realtime`, protocols, options));
  const { code, reason } = await client.closed;
  return { code, reason, errors: client.all("error").map(({ error }) => error), types: client.types(), protocol: client.socket.protocol };
}
const api = (method: string, path: string, secret: string | undefined, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(host.gateway.url + path, {
    method,
    headers: {
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
async function mint(secret: string | undefined, body: object = {}) {
  const response = await api("POST", "/v1/realtime/client_secrets", secret, body);
  expect(response.status).toBe(200);
  const made = await response.json();
  canaries.push(made.value);
  return made;
}
/** Lets the server look at the keys file until it has seen what it should: the clock is turned, and the file is really read. */
async function keysReadAgain(until: () => boolean) {
  // A look that is still under way when the clock is turned takes no second one.
  for (let turn = 0; !until(); turn++) {
    if (turn % 2_000 === 0) clock.advance(2_000);
    await turnOfTheLoop();
  }
}

describe("a server with keys", () => {
  test("lets a program in with its key, and says in OpenAI's words what is wrong with another", async () => {
    await start();
    const client = await connect(key);
    expect(client.socket.protocol).toBe("realtime");
    await client.close();
    await expect(WireClient.open(host.gateway.url, ["realtime"])).rejects.toThrow("HTTP 401");
    await expect(connect(nearly(key))).rejects.toThrow("HTTP 401");
    await expect(connect("sk-proj-of-openai")).rejects.toThrow("HTTP 401");
    const refused = await api("POST", "/v1/realtime/client_secrets", "sk-proj-of-openai", {});
    expect(refused.status).toBe(401);
    expect(await refused.json()).toEqual({
      error: { type: "invalid_request_error", code: "invalid_api_key", message: expect.stringContaining("aloud key"), param: null },
    });
  });

  test("tells the engine whose conversation it is: the key's, also when a client secret opened it, and of answers beside it", async () => {
    const other = keys.add("kiosk");
    await start();
    const opened: ConversationSetup[] = [];
    const { open } = host.engine;
    host.engine.open = (setup) => {
      opened.push(setup);
      return open(setup);
    };
    const secret = (await mint(key)).value;
    for (const credential of [key, secret, other]) {
      const client = await connect(credential);
      const input = [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }];
      client.send({ type: "response.create", response: { input } });
      await client.wait("response.done");
      client.send({ type: "response.create", response: { conversation: "none", input } });
      await client.wait("response.done", 2);
      await client.close();
    }
    const idOf = (value: string) => value.slice(3, 15);
    const [mine, theirs] = [idOf(key), idOf(other)];
    expect(opened.map(({ tenant }) => tenant)).toEqual([mine, mine, mine, mine, theirs, theirs]);
  });

  test("lets a page in with its key as a subprotocol, which is not answered", async () => {
    await start();
    const client = await openPage(key);
    expect(client.socket.protocol).toBe("realtime");
    await client.close();
  });

  test("opens to a page with no key or a wrong one, says why, and closes with 3000 as OpenAI does", async () => {
    await start();
    for (const [secret, message] of [
      [undefined, "this server needs a key"],
      ["ak_wrong", "unknown or was revoked"],
    ] as const) {
      const { code, reason, errors, types, protocol } = await refusedPage(secret);
      expect([code, reason, types, protocol]).toEqual([3000, "invalid_api_key", ["error"], "realtime"]);
      expect(errors[0]).toMatchObject({
        type: "invalid_request_error",
        code: "invalid_api_key",
        message: expect.stringContaining(message),
      });
    }
    expect(host.gateway.sessions()).toBe(0);
    // Nothing of the connections is left: what ticks is the look at the keys file.
    while (clock.pending() > 1) await turnOfTheLoop();
  });

  test("wants no key in a URL, not even a right one", async () => {
    await start();
    const response = await api("GET", `/metrics?api_key=${key}`, key);
    expect([response.status, (await response.json()).error.message]).toEqual([
      401,
      expect.stringContaining("a key in the URL ends up in logs"),
    ]);
    const socket = new WebSocket(`${host.gateway.url.replace("http", "ws")}/v1/realtime?token=${key}`);
    const status = await new Promise((resolve) => socket.on("unexpected-response", (_request, { statusCode }) => resolve(statusCode)));
    socket.on("error", () => {}).terminate();
    expect(status).toBe(401);
  });

  test("keeps other sites' pages out, and lets its own in under any name", async () => {
    await start();
    await expect(openPage(key, "https://evil.example")).rejects.toThrow("HTTP 403");
    const named = { headers: { origin: "https://voice.example", host: "voice.example" } };
    await (await WireClient.open(host.gateway.url, ["realtime", `openai-insecure-api-key.${key}`], named)).close();
  });

  test("tires of wrong keys, and never of right ones beside them", async () => {
    await start();
    const tryWrong = async () => (await api("POST", "/v1/realtime/client_secrets", "ak_wrong", {})).status;
    for (let n = 0; n < 20; n++) expect(await tryWrong()).toBe(401);
    expect(await tryWrong()).toBe(429);
    const { protocols, ...options } = page("ak_wrong");
    await expect(WireClient.open(host.gateway.url, protocols, options)).rejects.toThrow(/HTTP 429 .*"retry-after":"5"/);
    await (await connect(key)).close();
    await mint(key);
    clock.advance(5_000);
    expect(await tryWrong()).toBe(401);
  });

  test("shows its metrics to holders of a key only, with what each key uses, and no secret", async () => {
    const scraper = keys.add("scraper", { sessions: 0 });
    await start();
    const client = await connect(key);
    await mint(key);
    clock.advance(1_500);
    expect((await api("GET", "/metrics", undefined)).status).toBe(401);
    expect((await api("GET", "/readyz", undefined)).status).toBe(200);
    await expect(connect(scraper)).rejects.toThrow("HTTP 429");
    const metrics = await (await api("GET", "/metrics", scraper)).text();
    for (const line of [
      'aloud_key_sessions{key="laptop"} 1',
      'aloud_key_sessions{key="scraper"} 0',
      'aloud_key_seconds_today{key="laptop"} 1.5',
      'aloud_key_session_seconds_total{key="laptop"} 1.5',
      "aloud_client_secrets 1",
      'aloud_upgrades_total{outcome="rate_limit_exceeded"} 1',
    ])
      expect(metrics.split("\n")).toContain(line);
    for (const secret of canaries) expect(metrics).not.toContain(secret.slice(16));
    await client.close();
  });
});

describe("beyond this computer", () => {
  const tryStart = (config: Partial<GatewayConfig>) =>
    startGateway({}, config).then(
      (started) => {
        host = started;
        return "started";
      },
      (error: Error) => error.message,
    );

  test("a server without keys does not listen, and says which command makes one", async () => {
    host = await startGateway();
    for (const address of ["0.0.0.0", "::", "192.0.2.1", "voice.example"]) {
      const message = await tryStart({ host: address });
      expect(message).toContain(`will not listen on ${address} without keys`);
      expect(message).toMatch(/npx aloud key --file \S+keys\.json/);
      expect(message).toContain(`npx aloud serve --host ${address}`);
    }
  });

  test("a keys file without keys is none, and a missing or wrong one is said", async () => {
    host = await startGateway();
    keys.revoke("laptop");
    expect(await tryStart({ host: "0.0.0.0", keysFile: keys.path })).toContain(`npx aloud key --file ${keys.path}`);
    expect(await tryStart({ keysFile: "/nowhere/keys.json" })).toContain("/nowhere/keys.json: no such file; make it with: npx aloud key");
    keys.write("{");
    expect(await tryStart({ keysFile: keys.path })).toBe(`${keys.path}: this is not JSON`);
  });

  test("a server with keys listens", async () => {
    await start({ host: "0.0.0.0" });
    const url = `http://127.0.0.1:${host.gateway.port}`;
    await expect(WireClient.open(url, ["realtime"])).rejects.toThrow("HTTP 401");
    await (await WireClient.open(url, ["realtime"], bearer(key))).close();
  });
});

describe("a client secret", () => {
  test("is made as OpenAI makes it, and its session begins with what it holds", async () => {
    await start();
    const session = {
      type: "realtime",
      model: "gpt-realtime",
      instructions: "Be kind.",
      audio: { input: { turn_detection: null }, output: { voice: "marin" } },
    };
    const made = await mint(key, { expires_after: { anchor: "created_at", seconds: 60 }, session });
    expect(Object.keys(made)).toEqual(["value", "expires_at", "session"]);
    expect(made.value).toMatch(/^ek_/);
    expect(made.expires_at * 1_000).toBe(clock.unixMs() + 60_000);
    expect(made.session).toMatchObject({ object: "realtime.session", type: "realtime", instructions: "Be kind.", expires_at: 0 });
    expect(made.session.id).toMatch(/^sess_/);
    const client = await openPage(made.value);
    const begun = (await client.wait("session.created")).session;
    expect(begun).toMatchObject({ instructions: "Be kind.", audio: { input: { turn_detection: null } } });
    // What the client says later counts more, as with OpenAI.
    expect((await client.update({ instructions: "Be brief." })).session.instructions).toBe("Be brief.");
    await client.close();
  });

  test("begins a session that really listens as it says: push-to-talk and Opus from the first packet", async () => {
    await start();
    const session = { audio: { input: { format: { type: "audio/opus" }, turn_detection: null } } };
    const { value } = await mint(key, { session });
    const client = await WireClient.open(host.gateway.url, ["aloud.v1", `openai-insecure-api-key.${value}`]);
    client.sendPacket(Uint8Array.of(0xf8, 0xff, 0xfe));
    client.send({ type: "input_audio_buffer.commit" });
    await client.wait("input_audio_buffer.committed");
    expect(client.count("error")).toBe(0);
    await client.close();
    const refused = await refusedHandshake(value);
    expect(refused).toEqual({
      status: 400,
      error: expect.objectContaining({ code: "unsupported_value", param: "session.audio.input.format.type" }),
    });
  });

  test("stays good for a running session when it has expired, and opens no new one", async () => {
    await start();
    const { value } = await mint(key, { expires_after: { seconds: 10 } });
    const client = await openPage(value);
    clock.advance(10_000);
    await client.sync();
    expect((await refusedPage(value)).errors[0].message).toContain("expired after its 10 s");
    await client.close();
  });

  test("opens as many connections as it was made for", async () => {
    await start();
    const { value, aloud } = await mint(key, { aloud: { max_uses: 2 } });
    expect(aloud).toEqual({ id: value.slice(3, 15), origin: null, max_uses: 2 });
    await (await openPage(value)).close();
    await (await openPage(value)).close();
    expect(await refusedPage(value)).toMatchObject({
      code: 3000,
      errors: [{ message: expect.stringContaining("opened the 2 connection(s)") }],
    });
  });

  test("that is bound to an origin works there, without being listed, and nowhere else", async () => {
    await start();
    const { value } = await mint(key, { aloud: { origin: "https://app.example" } });
    await (await openPage(value, "https://app.example")).close();
    for (const origin of ["https://evil.example", "https://app.example.evil.example", host.gateway.url])
      await expect(openPage(value, origin)).rejects.toThrow("HTTP 403");
    await expect(connect(value)).rejects.toThrow("HTTP 403");
  });

  test("is taken back by its key, and its sessions end", async () => {
    const other = keys.add("other");
    await start();
    const { value, aloud } = await mint(key, { aloud: {} });
    const path = `/v1/realtime/client_secrets/${aloud.id}`;
    const client = await openPage(value);
    const bystander = await connect(key);
    expect((await api("DELETE", path, other)).status).toBe(404);
    expect((await api("DELETE", path, key)).status).toBe(204);
    expect(await client.closed).toEqual({ code: 3000, reason: "invalid_api_key" });
    expect((await client.wait("error")).error.message).toContain("the client secret of this session was revoked");
    expect((await refusedPage(value)).code).toBe(3000);
    expect((await api("DELETE", path, key)).status).toBe(404);
    await bystander.sync();
    await bystander.close();
  });

  test("makes no other one, and reads no metrics", async () => {
    await start();
    const { value } = await mint(key);
    for (const [method, path] of [
      ["POST", "/v1/realtime/client_secrets"],
      ["DELETE", `/v1/realtime/client_secrets/${value.slice(3, 15)}`],
      ["GET", "/metrics"],
    ] as const) {
      const response = await api(method, path, value, method === "POST" ? {} : undefined);
      expect([response.status, (await response.json()).error.message]).toEqual([
        401,
        expect.stringContaining("opens sessions and nothing else"),
      ]);
    }
  });

  test.each([
    ["broken JSON", "{", {}, 400, "invalid_json"],
    ["a time that OpenAI does not allow", { expires_after: { seconds: 7_201 } }, {}, 400, "invalid_value"],
    ["settings that no session could have", { session: { audio: { input: { format: { type: "video" } } } } }, {}, 400, "unsupported_value"],
    ["text", "{}", { "content-type": "text/plain" }, 415, "unsupported_value"],
    ["a novel", { session: { instructions: "x".repeat(70_000) } }, {}, 413, "message_too_big"],
    ["another site's page", {}, { origin: "https://evil.example" }, 403, "origin_not_allowed"],
  ])("is not made from %s", async (_what, body, headers, status, code) => {
    await start();
    const response = await api("POST", "/v1/realtime/client_secrets", key, body, headers);
    const { error } = await response.json();
    expect([response.status === 400 || response.status === status, error.code]).toEqual([true, code]);
    expect(error.message.length).toBeGreaterThan(10);
  });

  test("is made on a server without keys, too, for clients that always ask for one", async () => {
    host = await startGateway({}, {}, { clock });
    const { value } = await mint("sk-anything", { session: { instructions: "Be kind." } });
    const client = await openPage(value);
    expect((await client.wait("session.created")).session.instructions).toBe("Be kind.");
    await client.close();
    // A server that dropped the settings without a word would be worse than one that refuses.
    expect((await refusedPage(`ek_${"0".repeat(12)}_${"x".repeat(32)}`)).errors[0].code).toBe("invalid_api_key");
    await (await openPage("sk-anything")).close();
    expect((await api("GET", "/metrics", undefined)).status).toBe(200);
  });
});

async function refusedHandshake(secret: string): Promise<{ status: number | undefined; error: object }> {
  const socket = new WebSocket(`${host.gateway.url.replace("http", "ws")}/v1/realtime`, ["realtime"], bearer(secret));
  socket.on("error", () => {});
  return new Promise((resolve) => {
    socket.on("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (data) => {
        text += data;
      });
      response.on("end", () => resolve({ status: response.statusCode, error: JSON.parse(text).error }));
    });
  });
}

describe("a key's quota", () => {
  test("of sessions is kept, over all its client secrets, and tells programs 429 and pages the error", async () => {
    const small = keys.add("small", { sessions: 1 });
    await start();
    const { value } = await mint(small);
    const first = await connect(small);
    await expect(connect(small)).rejects.toThrow(/HTTP 429 .*"retry-after":"5"/);
    expect(await refusedPage(value)).toMatchObject({ code: 1013, reason: "rate_limit_exceeded", errors: [{ type: "rate_limit_error" }] });
    const neighbor = await connect(key);
    await first.close();
    await (await openPage(value)).close();
    await neighbor.close();
  });

  test("of sessions is not eaten by handshakes that fail", async () => {
    const small = keys.add("small", { sessions: 1 });
    await start();
    for (let n = 0; n < 3; n++) {
      const headers = {
        authorization: `Bearer ${small}`,
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "no",
      };
      const status = await new Promise((resolve) =>
        get(`${host.gateway.url}/v1/realtime`, { headers }, (response) => resolve(response.resume().statusCode)),
      );
      expect(status).toBe(400);
    }
    await (await connect(small)).close();
  });

  test("of minutes ends its sessions when it is used up, in the error that OpenAI has for it, and begins anew at midnight", async () => {
    const small = keys.add("small", { minutesPerDay: 3 });
    await start();
    const client = await connect(small);
    const neighbor = await connect(key);
    for (let n = 0; n < 11; n++) {
      clock.advance(15_000);
      await client.sync();
      await neighbor.sync();
    }
    expect(client.count("error")).toBe(0);
    clock.advance(15_000);
    expect(await client.closed).toEqual({ code: 1008, reason: "insufficient_quota" });
    expect((await client.wait("error")).error).toMatchObject({ type: "rate_limit_error", code: "insufficient_quota" });
    await expect(connect(small)).rejects.toThrow(/HTTP 429 .*"retry-after":"86220"/);
    await neighbor.close();
    clock.advance(24 * 60 * 60_000);
    await (await connect(small)).close();
  });
});

describe("the keys file, while the server runs", () => {
  test("a key that is added works, and one that is revoked ends with its sessions and client secrets", async () => {
    await start();
    const { value } = await mint(key);
    const direct = await connect(key);
    const through = await openPage(value);
    const added = keys.add("added");
    await expect(connect(added)).rejects.toThrow("HTTP 401");
    keys.revoke("laptop");
    await keysReadAgain(() => direct.count("error") > 0 && through.count("error") > 0);
    for (const client of [direct, through]) {
      expect(await client.closed).toEqual({ code: 3000, reason: "invalid_api_key" });
      expect((await client.wait("error")).error.message).toContain("the key of this session was revoked");
    }
    await expect(connect(key)).rejects.toThrow("HTTP 401");
    expect((await refusedPage(value)).code).toBe(3000);
    await (await connect(added)).close();
    expect(await (await api("GET", "/metrics", added)).text()).toMatch(/^aloud_client_secrets 0$/m);
    expect(host.log.some((line) => line.includes('"keys":1') && line.includes('"revoked":1'))).toBe(true);
  });

  test("half an edit changes nothing and is said once; the whole one counts", async () => {
    await start();
    const client = await connect(key);
    const complaints = () => host.log.filter((line) => line.includes("the keys stay as they were"));
    keys.write('{"keys": [');
    await keysReadAgain(() => complaints().length === 1);
    clock.advance(2_000);
    await client.sync();
    await (await connect(key)).close();
    keys.add("added");
    await keysReadAgain(() => host.log.some((line) => line.includes('"keys":2')));
    expect(complaints()).toHaveLength(1);
    expect(complaints()[0]).toContain("this is not JSON");
    await client.sync();
    await client.close();
  });
});
