/** Grafana's dashboard: what it asks exists, can be parsed, and is explained; nothing lies over anything else. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dashboard, type Panel, queries } from "./dashboard.ts";
import { has, root, unless } from "./programs.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const rows = new Map(
  [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) ?\| .+ \|$/gm)].map(([, name = "", type, labels = ""]) => [
    name,
    { type, labels: [...labels.matchAll(/`(\w+)`/g)].map((label) => label[1]) },
  ]),
);
/** What vLLM calls them: research on 0.32.0, and tests/vllm/recorded.json where the gateway reads them. */
const VLLM = [
  "vllm:num_requests_running",
  "vllm:num_requests_waiting",
  "vllm:kv_cache_usage_perc",
  "vllm:prefix_cache_hits_total",
  "vllm:prefix_cache_queries_total",
  "vllm:time_to_first_token_seconds_bucket",
];

test.each(queries())("$panel asks for metrics and labels that there are", ({ expr }) => {
  const names = [...expr.matchAll(/\b(?:aloud|process)_\w+|vllm:\w+/g)].map(([name]) => name);
  if (!/\b(up|ALERTS)\b/.test(expr)) expect(names).not.toEqual([]);
  for (const [, name = "", selector = ""] of expr.matchAll(/\b((?:aloud|process)_\w+)(?:\{([^}]*)\})?/g)) {
    const row = rows.get(name.replace(/_bucket$/, ""));
    expect([name, row]).toEqual([name, expect.anything()]);
    expect([name, name.endsWith("_bucket")]).toEqual([name, row?.type === "histogram"]);
    for (const [, label] of selector.matchAll(/(\w+)=~?"/g))
      expect([name, ["instance", "job", ...(row?.labels ?? [])]]).toEqual([name, expect.arrayContaining([label])]);
  }
  for (const name of names.filter((each) => each.startsWith("vllm:"))) expect(VLLM).toContain(name);
  // Counters mean something by their growth alone.
  for (const name of names.filter((each) => /_(total|bucket)$/.test(each)))
    expect(expr).toMatch(new RegExp(`(rate|increase)\\(${name}\\b`));
});

test("every metric of ours is on it", () => {
  const asked =
    queries()
      .map(({ expr }) => expr)
      .join(" ") + JSON.stringify(dashboard.annotations);
  for (const name of rows.keys()) expect(asked).toMatch(new RegExp(`\\b${name}(_bucket)?\\b`));
});

describe.each(panels.map((panel) => ({ panel, title: panel.title })))("$title", ({ panel }) => {
  test("says what it shows, in which unit, from the chosen Prometheus", () => {
    expect(panel.description?.length ?? 0).toBeGreaterThan(10);
    expect(panel.fieldConfig?.defaults.unit).toEqual(expect.any(String));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana replaces it
    const chosen = { type: "prometheus", uid: "${datasource}" };
    for (const { datasource } of [panel, ...(panel.targets ?? [])]) expect(datasource).toEqual(chosen);
  });

  test("names alerts, pages and settings that exist", () => {
    const description = panel.description ?? "";
    for (const [alert] of description.matchAll(/\bAloud[A-Z]\w+/g))
      expect(read("deploy/prometheus/alerts.yaml")).toContain(`alert: ${alert}\n`);
    for (const [path] of description.matchAll(/\b(?:docs|deploy)\/[\w./-]+\w/g))
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
    for (const [setting] of description.matchAll(/\bALOUD_\w+/g)) expect(read("gateway/src/config.ts")).toContain(setting);
  });
});

test("panels have ids and titles of their own, lie side by side, and leave no hole", () => {
  const all = dashboard.panels;
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of all)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect([title, taken.get(`${x},${y}`)]).toEqual([title, undefined]);
        taken.set(`${x},${y}`, title);
      }
  const bottom = Math.max(...all.map(({ gridPos }) => gridPos.y + gridPos.h));
  expect(Math.max(...all.map(({ gridPos }: Panel) => gridPos.x + gridPos.w))).toBe(24);
  expect(taken.size).toBe(24 * bottom);
});

test("what is provisioned fits together: folders, data source, names", () => {
  const monitoring = read("deploy/compose/monitoring.yaml");
  const source = read("deploy/grafana/provisioning/datasources/prometheus.yaml");
  expect(source).toContain("url: http://prometheus:9090");
  expect(monitoring).toMatch(/^ {2}prometheus:$/m);
  const path = /path: (\S+) /.exec(read("deploy/grafana/provisioning/dashboards/aloud.yaml"))?.[1];
  expect(monitoring).toContain(`../grafana/dashboards:${path}:ro`);
  expect(monitoring).toContain(`HOME_DASHBOARD_PATH: ${path}/${readdirSync(join(root, "deploy/grafana/dashboards"))}`);
  const interval = /scrape_interval: (\w+)/.exec(read("deploy/prometheus/prometheus.yaml"))?.[1];
  expect(source).toContain(`timeInterval: ${interval},`);
});

test.skipIf(!has.promtool)(`promtool parses every query${unless(has.promtool, "promtool; it is in Debian's package prometheus")}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "aloud-promql-"));
  try {
    const rules = queries().map(({ expr }, index) => ({ record: `query:${index}`, expr }));
    writeFileSync(join(folder, "rules.yaml"), JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", join(folder, "rules.yaml")], { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain(`${rules.length} rules found`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
