/** The metrics' page, the alerts and the runbook name what the gateway really shows. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { AloudError } from "@aloud/client/protocol";
import type { EngineStatus } from "@aloud/engine";
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
      vad: { waiting: () => 0, restarts: () => 0, onScored: () => {} },
      decoders: { live: () => 0 },
      access: { guarded: true, secrets: { size: () => 0 }, keys: () => [] },
      engine,
      maxSessions: 1,
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

test("an engine's devices are told of in every state, also when all have failed", async () => {
  const gpu = { id: "cuda:0", memoryBytes: 2 ** 30, conversations: 3, losses: 2 };
  const server = { id: "vllm:0", memoryBytes: 0, conversations: 1, losses: 0, moves: { failover: 4, balance: 5 } };
  let status: EngineStatus = {
    state: "ready",
    devices: [
      { ...gpu, state: "ready" },
      { ...server, state: "loading" },
    ],
    conversations: 4,
    waiting: 7,
    full: { retryAfterMs: 1 },
  };
  const sources = {
    vad: { waiting: () => 6, restarts: () => 8, onScored: (say: (ms: number) => void) => say(15) },
    decoders: { live: () => 0 },
    access: { guarded: false, secrets: { size: () => 0 } },
    engine: { status: () => status },
    maxSessions: 9,
  } as unknown as MetricsSources;
  const metrics = createMetrics(sources);
  try {
    const shown = async () => (await metrics.registry.metrics()).split("\n");
    expect(await shown()).toEqual(
      expect.arrayContaining([
        "aloud_engine_ready 1",
        "aloud_engine_full 1",
        "aloud_engine_waiting_steps 7",
        'aloud_engine_device_ready{device="cuda:0"} 1',
        'aloud_engine_device_ready{device="vllm:0"} 0',
        `aloud_engine_device_memory_bytes{device="cuda:0"} ${2 ** 30}`,
        'aloud_engine_device_losses_total{device="cuda:0"} 2',
        'aloud_conversation_moves_total{device="vllm:0",reason="failover"} 4',
        'aloud_conversation_moves_total{device="vllm:0",reason="balance"} 5',
        "aloud_session_limit 9",
        "aloud_vad_restarts_total 8",
        'aloud_vad_delay_seconds_bucket{le="0.01"} 0',
        'aloud_vad_delay_seconds_bucket{le="0.02"} 1',
      ]),
    );
    status = { state: "failed", error: new AloudError("engine_unavailable", "no GPU"), devices: [{ ...gpu, state: "failed" }] };
    const failed = await shown();
    expect(failed).toEqual(expect.arrayContaining(["aloud_engine_ready 0", 'aloud_engine_device_ready{device="cuda:0"} 0']));
    expect(failed.join()).not.toContain("vllm:0");
  } finally {
    metrics.close();
  }
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
