/**
 * A real Prometheus with deploy's own configuration looks at a gateway with keys and at a vLLM server (the fake of tests/vllm), loads the alerts, and
 * answers every query of the dashboard. What is replaced: names that only a compose network has, and how often it looks.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WireClient } from "../helpers/client.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { KeysFile } from "../helpers/keys.ts";
import { joined, silence, speech } from "../helpers/sound.ts";
import { type FakeVllm, startFakeVllm } from "../vllm/fake/server.ts";
import { queries } from "./dashboard.ts";
import { eventually, freePort, has, type Running, root, run, unless } from "./programs.ts";

/**
 * Queries without an answer in this test: nobody sent anything wrong, there is no vLLM behind the gateway, the scripted engine takes no memory, and the
 * fake server's metrics are those that the gateway reads.
 */
const EMPTY = [
  /aloud_errors_total/,
  /aloud_conversation_moves_total/,
  /kind="cached"/,
  /device_memory_bytes/,
  /vllm:(prefix|time_to)/,
  /changes\(/,
];
const LIMIT_MS = 60_000;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const skipped = unless(has.prometheus, "prometheus; it is in Debian's package of that name");
describe.skipIf(!has.prometheus)(`Prometheus${skipped}`, { timeout: LIMIT_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), "aloud-prometheus-"));
  const keys = new KeysFile();
  const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true }), () => keys.remove()];
  let host: TestGateway;
  let vllm: FakeVllm;
  let prometheus: Running;
  let url: string;

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; data: T; error?: string };
    if (body.status !== "success") throw new Error(`${path}: ${body.error}`);
    return body.data;
  }
  const query = async (expr: string) => (await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expr)}`)).result;

  beforeAll(async () => {
    const bearer = { headers: { authorization: `Bearer ${keys.add("first")}` } };
    writeFileSync(join(folder, "scraper.key"), `${keys.add("scraper", { sessions: 0 })}\n`);
    host = await startGateway({}, { keysFile: keys.path });
    closing.push(() => host.close());
    vllm = await startFakeVllm();
    closing.push(() => vllm.kill());

    const client = await WireClient.open(host.gateway.url, ["aloud.v1"], bearer);
    closing.push(() => client.close());
    client.send({ type: "session.update", session: { type: "realtime", audio: { input: { format: { type: "audio/opus" } } } } });
    await client.sendOpus(joined(silence(300), speech("lights"), silence(900)));
    await client.wait("response.done");

    const config = readFileSync(join(root, "deploy/prometheus/prometheus.yaml"), "utf8")
      .replace("/etc/aloud", folder)
      .replace(/(scrape_interval|evaluation_interval): 15s/g, "$1: 1s")
      .replace(/dns_sd_configs: .*names: \[aloud\].*/, `static_configs: [{ targets: ["${new URL(host.gateway.url).host}"] }]`)
      .replace(/dns_sd_configs: .*names: \[vllm\].*/, `static_configs: [{ targets: ["${new URL(vllm.url).host}"] }]`);
    expect(config).not.toContain("dns_sd");
    writeFileSync(join(folder, "prometheus.yaml"), config);
    writeFileSync(join(folder, "alerts.yaml"), readFileSync(join(root, "deploy/prometheus/alerts.yaml")));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prometheus = run("prometheus", [
      `--config.file=${join(folder, "prometheus.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    closing.push(() => prometheus.stop());
    // A rate needs two looks.
    await eventually(AbortSignal.timeout(LIMIT_MS - 10_000), prometheus, async () => {
      const looks = await query('min(count_over_time(up{job=~"aloud|vllm"}[1m]))');
      return Number(looks[0]?.value[1]) >= 2 ? true : undefined;
    });
  }, LIMIT_MS);
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  test("is let in with a key that opens no session, and sees gateway and server", async () => {
    const up = new Map((await query("up")).map(({ metric, value }) => [metric.job, value[1]]));
    expect([up.get("aloud"), up.get("vllm")]).toEqual(["1", "1"]);
    expect(await query("aloud_sessions")).toMatchObject([{ value: [expect.any(Number), "1"] }]);
  });

  test("takes every alert, and none fires over a gateway that is well", async () => {
    const { groups } = await ask<{ groups: { rules: { name: string; health: string; state: string }[] }[] }>("rules");
    const rules = groups.flatMap((group) => group.rules);
    const written = [...readFileSync(join(root, "deploy/prometheus/alerts.yaml"), "utf8").matchAll(/alert: (\w+)/g)];
    expect(rules.map(({ name }) => name)).toEqual(written.map((alert) => alert[1]));
    for (const { name, health, state } of rules) expect([name, health, state]).toEqual([name, "ok", expect.not.stringContaining("firing")]);
  });

  test.each(queries())("answers $panel of the dashboard", async ({ expr }) => {
    const result = await query(expr);
    if (EMPTY.some((pattern) => pattern.test(expr))) return;
    expect(result.length).toBeGreaterThan(0);
  });
});
