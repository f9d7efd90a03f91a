/** A gateway's life in a pod: whether what Kubernetes and `helm test` ask it for is there, and how it goes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { readConfig } from "../../../gateway/src/config.ts";
import { CLOSE_ALL_MS } from "../../../gateway/src/limits.ts";
import { WireClient } from "../../helpers/client.ts";
import { startGateway, type TestGateway } from "../../helpers/gateway.ts";
import { KeysFile, nearly } from "../../helpers/keys.ts";
import { canRender, chart, environment, gatewayContainer, only, render, skipped, withKeys } from "./chart.ts";

describe("what Kubernetes asks a gateway for", () => {
  const keys = new KeysFile();
  const key = keys.add("tester");
  let guarded: TestGateway;
  let open: TestGateway;
  beforeAll(async () => {
    guarded = await startGateway({}, { keysFile: keys.path, origins: ["same", "none"] });
    open = await startGateway();
  });
  afterAll(async () => {
    await guarded.close();
    await open.close();
    keys.remove();
  });
  /** Does not block this thread, on which the gateway lives. */
  const run = async (command: readonly string[], env: Record<string, string> = {}) => {
    const [program = "", ...args] = command;
    const child = spawn(program === "node" ? process.execPath : program, args, { env: { PATH: process.env.PATH, ...env } });
    const said: Buffer[] = [];
    child.stdout.on("data", (chunk) => said.push(chunk));
    child.stderr.on("data", (chunk) => said.push(chunk));
    const [code] = await once(child, "close");
    return { code, said: Buffer.concat(said).toString() };
  };

  test.skipIf(!canRender)(`is there, without a key: every probe over HTTP${skipped}`, async () => {
    const { startupProbe, livenessProbe, readinessProbe } = gatewayContainer(render({ values: withKeys }));
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path);
    expect(paths).toEqual(["/healthz", "/healthz", "/readyz"]);
    for (const path of paths) expect((await fetch(guarded.gateway.url + path)).status).toBe(200);
  });

  test.skipIf(!canRender)(`is there: every probe from within, and fails where nobody listens${skipped}`, async () => {
    const { startupProbe, livenessProbe, readinessProbe } = gatewayContainer(render({ values: { gateway: { port: open.gateway.port } } }));
    for (const { exec } of [startupProbe, livenessProbe, readinessProbe]) {
      expect(await run(exec.command)).toEqual({ code: 0, said: "" });
      // Port 1 is nobody's.
      const elsewhere = exec.command.map((word: string) => word.replace(`:${open.gateway.port}/`, ":1/"));
      expect((await run(elsewhere)).code).toBe(1);
    }
  });

  test("and lets a parameter in the URL by which balancers choose a gateway: for client secrets, and for the sessions that they open", async () => {
    const made = await fetch(`${guarded.gateway.url}/v1/realtime/client_secrets?route=4711`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: "{}",
    });
    const { value } = (await made.json()) as { value: string };
    const url = `${guarded.gateway.url.replace("http", "ws")}/v1/realtime?model=any&route=4711`;
    const client = new WireClient(new WebSocket(url, ["realtime", `openai-insecure-api-key.${value}`]));
    await client.wait("session.created");
    await client.close();
  });

  test("helm test succeeds on a gateway with keys, and with a key opens a session", async () => {
    const smoke = ["node", join(chart, "files/smoke.mjs"), guarded.gateway.url];
    const bare = await run(smoke);
    expect(bare.said).toContain("skipped: no session");
    expect(bare.code).toBe(0);
    const whole = await run(smoke, { ALOUD_KEY: key });
    expect(whole.said).toContain("ok: a session opens");
    expect(whole.code).toBe(0);
  });

  test("helm test fails on a wrong key, on a gateway that lets anybody in, and where none is", async () => {
    const smoke = ["node", join(chart, "files/smoke.mjs")];
    const wrong = await run([...smoke, guarded.gateway.url], { ALOUD_KEY: nearly(key) });
    expect(wrong).toMatchObject({ code: 1, said: expect.stringContaining("failed: /v1/realtime: expected 101, got 401") });
    expect(await run([...smoke, open.gateway.url])).toMatchObject({
      code: 1,
      said: expect.stringContaining("/metrics: expected 401, got 200"),
    });
    expect((await run([...smoke, "http://127.0.0.1:1"])).code).toBe(1);
  });
});

describe("a pod that must go", () => {
  const hook = join(chart, "files/await-sessions.mjs");
  const addresses = existsSync("/proc/net/tcp6") ? ["127.0.0.1", "::"] : ["127.0.0.1"];

  test.skipIf(!canRender)(`is given time for its sessions, then for its turns, then to close${skipped}`, () => {
    for (const gateway of [{}, { sessionMinutes: 1_440, drain: { sessionSeconds: 86_400, turnSeconds: 3_600 } }]) {
      const manifests = render({ values: { gateway } });
      const { spec } = only(manifests, "Deployment").spec.template;
      const { lifecycle } = gatewayContainer(manifests);
      const [program, file, port, longest, shortest] = lifecycle.preStop.exec.command;
      expect([program, file, port]).toEqual(["node", "/etc/aloud/files/await-sessions.mjs", "7860"]);
      const { maxSessionMs, drainMs } = readConfig({}, environment(gatewayContainer(manifests)));
      expect(Number(longest) * 1_000).toBeGreaterThanOrEqual(maxSessionMs);
      expect(Number(shortest)).toBeLessThanOrEqual(Number(longest));
      expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(Number(longest) * 1_000 + drainMs + 2 * CLOSE_ALL_MS);
      // The new one serves first.
      expect(only(manifests, "Deployment").spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    }
  });

  test.skipIf(!canRender)(`has the hook that is tested here${skipped}`, () => {
    const { data } = only(render(), "ConfigMap");
    for (const name of ["await-sessions.mjs", "smoke.mjs"])
      expect(data[name].trim()).toBe(readFileSync(join(chart, "files", name), "utf8").trim());
  });

  test.skipIf(process.platform !== "linux").each(addresses)("waits while somebody is connected, on %s, and no longer", async (host) => {
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    await once(server.listen(0, host), "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect(port, host === "::" ? "::1" : host);
    try {
      await once(client, "connect");
      // Its longest wait ends it: it saw the connection all the time.
      expect(spawnSync(process.execPath, [hook, String(port), "1", "0"], { encoding: "utf8" }).stdout).toBe(
        "1 connection(s) left after 1 s\n",
      );
      const waiting = spawn(process.execPath, [hook, String(port), "3600", "0"]);
      const ended = once(waiting, "close");
      client.end();
      const said = (await once(waiting.stdout, "data")).toString();
      expect(said).toBe("nobody is connected\n");
      expect(await ended).toEqual([0, null]);
    } finally {
      client.destroy();
      server.close();
    }
  });

  test("whose hook is misused says how it is used", () => {
    const { status, stderr } = spawnSync(process.execPath, [hook, "7860"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toContain("usage: node await-sessions.mjs PORT LONGEST SHORTEST");
  });
});
