/** What the chart takes for values, and what it says to wrong ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAX_REPLICAS } from "../../../gateway/src/limits.ts";
import { canRender, chart, KEYS_FILE, refusal, skipped, type Wishes, withKeys } from "./chart.ts";

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Record<string, Schema>;
  readonly maximum?: number;
  readonly maxItems?: number;
}
const schema = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8")) as Schema;

test("every value is described, and none is let through that is not", () => {
  let described = 0;
  const visit = ({ properties = {}, additionalProperties }: Schema, path: string) => {
    if (Object.keys(properties).length > 0) expect(additionalProperties, path).toBe(false);
    for (const [name, value] of Object.entries(properties)) {
      expect(value.description, `${path}.${name}`).toMatch(/^[A-Z`]|^helm /);
      described += 1;
      visit(value, `${path}.${name}`);
    }
  };
  visit(schema, "");
  expect(described).toBeGreaterThan(100);
});

test("as many servers as a gateway takes", () => {
  const { replicas, urls } = schema.properties?.vllm?.properties ?? {};
  expect(replicas?.maximum).toBe(MAX_REPLICAS);
  expect(urls?.maxItems).toBe(MAX_REPLICAS);
});

const ingress = { enabled: true, host: "voice.example" };
const refused: readonly (readonly [string, Wishes, string])[] = [
  // The schema's.
  ["a misspelled name", { values: { gatway: {} } }, "additional properties 'gatway' not allowed"],
  ["a misspelled name further down", { values: { gateway: { maxSession: 5 } } }, "additional properties 'maxSession' not allowed"],
  ["a wrong type", { values: { gateway: { replicas: "two" } } }, "at '/gateway/replicas': got string, want integer"],
  ["a port that needs rights", { values: { gateway: { port: 80 } } }, "at '/gateway/port': minimum: got 80, want 1,024"],
  ["an unknown level", { values: { gateway: { logLevel: "loud" } } }, "at '/gateway/logLevel': value must be one of"],
  [
    "an origin with a path",
    { values: { gateway: { origins: ["https://a.example/x"] } } },
    "at '/gateway/origins/0': 'https://a.example/x' does not match",
  ],
  ["a GPU for nano", { values: { gateway: { devices: "cuda:0" } } }, "at '/gateway/devices'"],
  [
    "a variable that the chart sets",
    { values: { gateway: { extraEnv: [{ name: "ALOUD_KEYS", value: "" }] } } },
    "at '/gateway/extraEnv/0/name'",
  ],
  ["an image that moves", { values: { gateway: { image: { tag: "latest" } } } }, "at '/gateway/image/tag'"],
  ["too many servers", { values: { vllm: { replicas: 65 } } }, "at '/vllm/replicas': maximum: got 65, want 64"],
  ["the same server twice", { values: { vllm: { urls: ["http://a:1", "http://a:1"] } } }, "at '/vllm/urls'"],
  ["servers in one string", { values: { vllm: { urls: ["http://a:1,http://b:1"] } } }, "at '/vllm/urls/0'"],
  ["more memory than there is", { values: { vllm: { gpuMemoryUtilization: 92 } } }, "at '/vllm/gpuMemoryUtilization'"],
  // The chart's.
  ["two sources of keys", { values: { keys: { existingSecret: "a", file: KEYS_FILE } } }, "keys: give existingSecret or file, not both"],
  ["a file that is no keys file", { values: { keys: { file: "ak_secret" } } }, "keys.file: this is no keys file. Make one with"],
  ["a keys file without keys", { values: { keys: { file: '{"keys": []}' } } }, "keys.file: it holds no key"],
  ["an Ingress without keys", { values: { ingress } }, "ingress.enabled: the gateway lets nobody in without keys. Make one with"],
  [
    "several gateways without keys, behind a balancer",
    { values: { service: { type: "LoadBalancer" }, gateway: { replicas: 2 } } },
    "service.type, gateway.replicas: the gateway lets nobody in without keys",
  ],
  ["the replicas' preset without keys", { presets: ["replicas"] }, "autoscaling.enabled: the gateway lets nobody in without keys"],
  ["an Ingress without a host", { values: { ...withKeys, ingress: { enabled: true } } }, "ingress.host: expected"],
  ["two ways in", { values: { ...withKeys, ingress, httpRoute: { enabled: true } } }, "choose one"],
  ["a route of no Gateway", { values: { ...withKeys, httpRoute: { enabled: true } } }, "httpRoute.parentRefs: expected"],
  [
    "a traffic policy of an inner Service",
    { values: { ...withKeys, service: { externalTrafficPolicy: "Local" } } },
    "service.externalTrafficPolicy: only",
  ],
  [
    "a scraper without a key",
    { values: { ...withKeys, monitoring: { serviceMonitor: { enabled: true } } } },
    "monitoring.serviceMonitor.keySecret: /metrics asks for a key",
  ],
  [
    "a scraper that vLLM's policy keeps out",
    { presets: ["one-gpu"], values: { ...withKeys, monitoring: { serviceMonitor: { enabled: true, keySecret: "a" } } } },
    "monitoring.from: the NetworkPolicy lets only gateways reach vLLM",
  ],
  [
    "more gateways than most",
    { values: { ...withKeys, autoscaling: { enabled: true, minReplicas: 9 } } },
    "minReplicas (9) exceeds maxReplicas (6)",
  ],
  ["servers here and elsewhere", { presets: ["one-gpu"], values: { vllm: { urls: ["http://a:1"] } } }, "vllm: either enabled"],
  ["servers of no model", { values: { vllm: { enabled: true } } }, "vllm.model: expected"],
  ["servers of no image", { values: { vllm: { enabled: true, model: "a/b" } } }, "vllm.image.repository: expected"],
  [
    "servers of any version",
    { values: { vllm: { enabled: true, model: "a/b", image: { repository: "a" } } } },
    "vllm.image: expected a tag or a digest",
  ],
  [
    "a template that is not there",
    { presets: ["one-gpu"], values: { vllm: { chatTemplate: "none.jinja" } } },
    "the chart has no files/none.jinja",
  ],
];

describe.skipIf(!canRender)(`the chart refuses${skipped}`, () => {
  test.each(refused)("%s", (_name, wishes, message) => {
    expect(refusal(wishes)).toContain(message);
  });
});
