/** What watches the gateways and what multiplies them, held to the metrics that there are. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { all, canRender, chart, EVERYTHING, gatewayContainer, only, parse, render, root, skipped, withKeys } from "./chart.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const metrics = [...read("docs/metrics.md").matchAll(/^\| `(\w+)` \|/gm)].map((row) => row[1]);

test("the chart's alerts are those of deploy/prometheus", () => {
  expect(readFileSync(join(chart, "files/alerts.yaml"), "utf8")).toBe(read("deploy/prometheus/alerts.yaml"));
});

describe.skipIf(!canRender)(`for the Prometheus operator${skipped}`, () => {
  test("the rule holds exactly these alerts, with their placeholders untouched", () => {
    const { spec, metadata } = only(render(EVERYTHING), "PrometheusRule");
    expect([spec]).toEqual(parse(read("deploy/prometheus/alerts.yaml")));
    expect(JSON.stringify(spec)).toContain("{{ $labels.instance }}");
    expect(metadata.labels.release).toBe("prometheus");
  });

  test("the gateway is scraped as the job that the alerts ask for, with a key", () => {
    const monitor = only(render(EVERYTHING), "ServiceMonitor", "gateway");
    const [endpoint] = monitor.spec.endpoints;
    expect(endpoint).toMatchObject({
      port: "http",
      path: "/metrics",
      authorization: { type: "Bearer", credentials: { name: "scraper", key: "key" } },
    });
    const jobs = [...read("deploy/prometheus/alerts.yaml").matchAll(/job="(\w+)"/g)].map((job) => job[1]);
    expect(new Set(jobs)).toEqual(new Set([endpoint.relabelings[0].replacement]));
    expect(endpoint.relabelings[0].targetLabel).toBe("job");
    expect(monitor.metadata.labels.release).toBe("prometheus");
  });

  test("a pod that waits for its last session is not held by a scraper's connection", () => {
    const [endpoint] = only(render(EVERYTHING), "ServiceMonitor", "gateway").spec.endpoints;
    expect(endpoint.relabelings).toContainEqual({
      sourceLabels: ["__meta_kubernetes_endpointslice_endpoint_conditions_terminating"],
      regex: "true",
      action: "drop",
    });
  });

  test("vLLM is scraped where the chart runs it", () => {
    expect(only(render(EVERYTHING), "ServiceMonitor", "vllm").spec.endpoints).toMatchObject([{ port: "http", path: "/metrics" }]);
    const monitoring = { serviceMonitor: { enabled: true, keySecret: "scraper" } };
    expect(all(render({ values: { ...withKeys, monitoring } }), "ServiceMonitor")).toHaveLength(1);
  });
});

describe.skipIf(!canRender)(`the autoscaler${skipped}`, () => {
  const scaled = (autoscaling: object) => render({ values: { ...withKeys, autoscaling: { enabled: true, ...autoscaling } } });

  test("looks at the processor, of which the gateway asks for some", () => {
    const manifests = scaled({});
    const { metrics: looked, scaleTargetRef } = only(manifests, "HorizontalPodAutoscaler").spec;
    expect(looked).toEqual([{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }]);
    const deployment = only(manifests, "Deployment");
    expect(scaleTargetRef).toEqual({ apiVersion: "apps/v1", kind: "Deployment", name: deployment.metadata.name });
    expect(gatewayContainer(manifests).resources.requests.cpu).toBe("1");
    // Else every upgrade would set the number back.
    expect(deployment.spec).not.toHaveProperty("replicas");
  });

  test("looks at sessions where it is told to: a metric of the gateway that prometheus-adapter's rule makes one of pods", () => {
    const [looked] = only(scaled({ metric: "sessions", targetSessions: 40 }), "HorizontalPodAutoscaler").spec.metrics;
    expect(looked).toEqual({
      type: "Pods",
      pods: { metric: { name: "aloud_sessions" }, target: { type: "AverageValue", averageValue: "40" } },
    });
    expect(metrics).toContain(looked.pods.metric.name);
    const [adapter] = parse(read("deploy/helm/prometheus-adapter-values.yaml"));
    const [rule] = adapter?.rules.custom ?? [];
    expect(rule.name.as).toBe(looked.pods.metric.name);
    expect(new RegExp(rule.name.matches).test(rule.seriesQuery.split("{")[0])).toBe(true);
    expect(metrics).toContain(rule.seriesQuery.split("{")[0]);
  });

  test("stands with a budget that lets one gateway go at a time", () => {
    expect(only(scaled({}), "PodDisruptionBudget").spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" });
    expect(all(render({ values: withKeys }), "PodDisruptionBudget")).toEqual([]);
  });
});
