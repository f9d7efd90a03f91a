/**
 * A real Caddy with deploy's own Caddyfile before a gateway: a certificate, the page, a spoken session over wss, and what others may not see. Caddy's own
 * authority signs; a public name's certificate, which comes from elsewhere, is beyond it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { KeysFile } from "../helpers/keys.ts";
import { joined, silence, speech } from "../helpers/sound.ts";
import { eventually, freePort, has, type Running, root, run, unless } from "./programs.ts";

const LIMIT_MS = 60_000;

describe.skipIf(!has.caddy)(`Caddy${unless(has.caddy, "caddy")}`, { timeout: LIMIT_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), "aloud-caddy-"));
  const keys = new KeysFile();
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true }), () => keys.remove()];
  let host: TestGateway;
  let caddy: Running;
  let key: string;
  let site: string;
  let plain: number;
  let ca: Buffer;

  function get(path: string): Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(`${site}${path}`, { ca }, (response) => {
        let body = "";
        response.on("data", (data) => (body += data));
        response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
      });
      asked.on("error", reject).end();
    });
  }

  beforeAll(async () => {
    key = keys.add("first");
    host = await startGateway({}, { keysFile: keys.path });
    closing.push(() => host.close());
    const port = await freePort();
    plain = await freePort();
    site = `https://localhost:${port}`;
    // Ports that need no rights, no second Caddy's control port, and no authority in this machine's store.
    const file = readFileSync(join(root, "deploy/caddy/Caddyfile"), "utf8");
    const tried = file.replace("{\n", `{\n\tadmin off\n\tskip_install_trust\n\thttp_port ${plain}\n\thttps_port ${port}\n`);
    expect(tried).not.toBe(file);
    writeFileSync(join(folder, "Caddyfile"), tried);
    caddy = run("caddy", ["run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"], {
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
      ALOUD_UPSTREAM: new URL(host.gateway.url).host,
      ALOUD_DOMAIN: "localhost",
      ALOUD_ACME_OPTIONS: "",
    });
    closing.push(() => caddy.stop());
    await eventually(AbortSignal.timeout(LIMIT_MS - 10_000), caddy, async () => {
      ca = readFileSync(join(folder, "caddy/pki/authorities/local/root.crt"));
      return (await get("/healthz")).status === 200 ? true : undefined;
    });
  }, LIMIT_MS);
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  test("serves what the gateway serves, over a certificate that is checked", async () => {
    const { status, headers, body } = await get("/healthz");
    expect([status, JSON.parse(body)]).toEqual([200, { status: "ok" }]);
    expect(headers["strict-transport-security"]).toContain("max-age=");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  test.each(["/metrics", "/readyz"])("%s is for whoever is inside", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test("plain HTTP is sent to HTTPS", async () => {
    const location = await new Promise((resolve, reject) => {
      httpRequest({ port: plain, host: "127.0.0.1", headers: { host: "localhost" } }, (response) =>
        resolve(response.resume().headers.location),
      )
        .on("error", reject)
        .end();
    });
    expect(location).toMatch(/^https:\/\/localhost/);
  });

  test("a page of the site speaks through it, and is answered", async () => {
    // As a browser does: the key as a subprotocol, and the page's own origin.
    const client = await WireClient.open(site, ["aloud.v1", `openai-insecure-api-key.${key}`], { ca, headers: { origin: site } });
    client.send({ type: "session.update", session: { type: "realtime", audio: { input: { format: { type: "audio/opus" } } } } });
    await client.sendOpus(joined(silence(300), speech("lights"), silence(900)));
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
  });

  test("refusals come through as the gateway made them", async () => {
    await expect(WireClient.open(site, ["aloud.v1"], { ca })).rejects.toThrow("HTTP 401");
    await expect(
      WireClient.open(site, ["aloud.v1"], { ca, headers: { origin: "https://evil.example", authorization: `Bearer ${key}` } }),
    ).rejects.toThrow("HTTP 403");
  });

  test("a gateway that drains closes its sockets with 1012, through it", async () => {
    const client = await WireClient.open(site, ["aloud.v1"], { ca, headers: { authorization: `Bearer ${key}` } });
    await host.gateway.close();
    expect(await client.closed).toMatchObject({ code: 1012 });
  });
});
