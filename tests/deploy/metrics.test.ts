/** The metrics' page, the alerts and the runbook name what the gateway really shows. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { openScriptedEngine } from "@aloud/engine/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetrics, type Metrics, type MetricsSources } from "../../gateway/src/metrics.ts";
import { startGateway } from "../helpers/gateway.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const rules = read("deploy/prometheus/alerts.yaml");

describe("what the gateway shows", () => {
  const engine = openScriptedEngine({});
  let metrics: Metrics;
  let shown: { name: string; type: string; labels: string[] }[];

  beforeAll(async () => {
    // A guarded gateway shows the most.
    const sources = {
      vad: { waiting: () => 0 },
      decoders: { live: () => 0 },
      access: { guarded: true, secrets: { size: () => 0 }, keys: () => [] },
      engine,
    } as unknown as MetricsSources;
    metrics = createMetrics(sources);
    shown = metrics.registry.getMetricsAsArray().map((metric) => {
      const { name, type, labelNames } = metric as unknown as { name: string; type: string; labelNames: string[] };
      return { name, type, labels: [...labelNames] };
    });
  });
  afterAll(async () => {
    metrics.close();
    await engine.close();
  });

  test("is what docs/metrics.md lists, in the same order, with types and labels", async () => {
    const types = new Map((await metrics.registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
    const rows = [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) ?\| .+ \|$/gm)].map((row) => ({
      name: row[1],
      type: row[2],
      labels: [...(row[3] ?? "").matchAll(/`(\w+)`/g)].map((label) => label[1]),
    }));
    expect(rows).toEqual(shown.map(({ name, labels }) => ({ name, type: types.get(name), labels })));
  });

  test("holds every metric that an alert asks for", () => {
    const asked = [...rules.matchAll(/\b(?:aloud|process)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ""));
    expect(asked.length).toBeGreaterThan(5);
    expect(shown.map(({ name }) => name)).toEqual(expect.arrayContaining(asked));
  });
});

test("every alert links to a chapter of the runbook, and every chapter of an alert has its alert", () => {
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map((alert) => alert[1]);
  const links = [...rules.matchAll(/docs\/runbook\.md#(\w+)/g)].map((link) => link[1]);
  const chapters = [...read("docs/runbook.md").matchAll(/^### (Aloud\w+)$/gm)].map((chapter) => chapter[1]);
  expect(links).toEqual(alerts.map((alert) => alert?.toLowerCase()));
  expect(chapters).toEqual(alerts);
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
test.skipIf(!promtool)(
  `the alerts fire when they should${promtool ? "" : " (SKIPPED: no promtool; it is in Debian's package prometheus)"}`,
  () => {
    const file = new URL("../../deploy/prometheus/alerts.test.yaml", import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  },
);

test("a response that was answered is counted with its delays and tokens", async () => {
  const host = await startGateway({});
  try {
    const client = await host.aloud();
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
    });
    client.send({ type: "response.create" });
    await client.wait("response.done");
    const lines = (await (await fetch(`${host.gateway.url}/metrics`)).text()).split("\n");
    expect(lines).toContain('aloud_responses_total{status="stop"} 1');
    expect(lines).toContain("aloud_first_answer_seconds_count 1");
    expect(lines.find((line) => line.startsWith('aloud_tokens_total{kind="answer"}'))).toMatch(/ [1-9]\d*$/);
    await client.close();
  } finally {
    await host.close();
  }
});
