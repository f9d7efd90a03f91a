/** The gateway's pods: what the gateway itself makes of their arguments and variables, and who reaches whom. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseKeys } from "../../../gateway/src/auth/keys-file.ts";
import { parseServeArgs } from "../../../gateway/src/cli/serve.ts";
import { readConfig, readEngineChoice } from "../../../gateway/src/config.ts";
import { HEARTBEAT_MS } from "../../../gateway/src/limits.ts";
import {
  all,
  canRender,
  EVERYTHING,
  environment,
  gatewayContainer,
  KEYS_FILE,
  type Manifest,
  only,
  render,
  root,
  skipped,
  type Wishes,
  withKeys,
} from "./chart.ts";

/** Read by the gateway itself, so that a flag or variable that it does not know cannot be in the chart. */
function configured(wishes: Wishes) {
  const container = gatewayContainer(render(wishes));
  const [command, ...flags] = container.args;
  expect(command).toBe("serve");
  const args = parseServeArgs(flags);
  if (args === "help") throw new Error("expected arguments");
  // Secrets have their values from elsewhere.
  const env = { ...environment(container), ALOUD_VLLM_KEY: "of-a-secret" };
  return { config: readConfig(args.config, env), engine: readEngineChoice(args.engine, env) };
}

describe.skipIf(!canRender)(`what the gateway is told${skipped}`, () => {
  test("without keys: to listen on loopback, with nano, as it does by itself", () => {
    const { config, engine } = configured({});
    expect(config).toEqual(readConfig({}, {}));
    expect(engine).toEqual(readEngineChoice({}, {}));
  });

  test("with keys: to listen where others reach it, with the keys file that is mounted", () => {
    const manifests = render({ values: withKeys });
    const { config } = configured({ values: withKeys });
    expect(config).toMatchObject({ host: "0.0.0.0", port: 7860, keysFile: "/etc/aloud/keys/keys.json", origins: ["same", "none"] });
    const { spec } = only(manifests, "Deployment").spec.template;
    expect(gatewayContainer(manifests).volumeMounts).toContainEqual({ name: "keys", mountPath: "/etc/aloud/keys", readOnly: true });
    const { secret } = spec.volumes.find(({ name }: Manifest["spec"]) => name === "keys");
    expect(secret).toMatchObject({ secretName: only(manifests, "Secret").metadata.name, items: [{ key: "keys.json", path: "keys.json" }] });
    const file = Buffer.from(only(manifests, "Secret").data["keys.json"], "base64").toString();
    expect(file).toBe(KEYS_FILE);
    expect(parseKeys(file)).toHaveLength(1);
  });

  test("with a Secret of yours: its key, under the same path, and no Secret of the chart's", () => {
    const manifests = render({ values: { keys: { existingSecret: "voice-keys", secretKey: "clients" } } });
    const { spec } = only(manifests, "Deployment").spec.template;
    const { secret } = spec.volumes.find(({ name }: Manifest["spec"]) => name === "keys");
    expect(secret).toMatchObject({ secretName: "voice-keys", items: [{ key: "clients", path: "keys.json" }] });
    expect(all(manifests, "Secret")).toEqual([]);
  });

  test("every setting", () => {
    const gateway = {
      host: "::",
      port: 8443,
      maxSessions: 250,
      sessionMinutes: 90,
      origins: ["https://voice.example", "none"],
      speculate: false,
      requireWords: false,
      logLevel: "debug",
      devices: "cpu*2",
      drain: { turnSeconds: 45 },
    };
    const { config, engine } = configured({ values: { ...withKeys, gateway } });
    expect(config).toEqual({
      host: "::",
      port: 8443,
      maxSessions: 250,
      maxSessionMs: 90 * 60_000,
      origins: ["https://voice.example", "none"],
      keysFile: "/etc/aloud/keys/keys.json",
      drainMs: 45_000,
      speculate: false,
      requireWords: false,
      logLevel: "debug",
    });
    expect(engine).toEqual(readEngineChoice({ devices: "cpu*2" }, {}));
  });

  test("servers elsewhere, with their key", () => {
    const vllm = { urls: ["http://gpu-0:8000", "https://gpu.example"], servedModelName: "Step-Audio-R1.1", apiKeySecret: "vllm" };
    const { engine } = configured({ values: { vllm } });
    expect(engine).toEqual({ engine: "vllm", urls: vllm.urls, model: "Step-Audio-R1.1", apiKey: "of-a-secret" });
  });

  test("what vLLM's cache and thinking are to be", () => {
    const vllm = { urls: ["http://gpu:8000"], cacheSaltSecret: "salt", thinkAhead: 256 };
    const { engine } = configured({ values: { vllm } });
    expect(engine).toMatchObject({ engine: "vllm", thinkAheadTokens: 256 });
    const variable = gatewayContainer(render({ values: { vllm } })).env.find(
      ({ name }: { name: string }) => name === "ALOUD_VLLM_CACHE_SALT",
    );
    expect(variable.valueFrom).toEqual({ secretKeyRef: { name: "salt", key: "salt" } });
  });

  test("only variables that the gateway reads", () => {
    const source = readFileSync(join(root, "gateway/src/config.ts"), "utf8");
    const read = new Set([...source.matchAll(/\bALOUD_[A-Z_]+\b/g)].map(([name]) => name));
    const set = Object.keys(environment(gatewayContainer(render(EVERYTHING)))).filter((name) => name.startsWith("ALOUD_"));
    expect(set.length).toBeGreaterThan(9);
    expect(set.filter((name) => !read.has(name))).toEqual([]);
  });
});

describe.skipIf(!canRender)(`who reaches it${skipped}`, () => {
  test("without keys nobody: there is no Service, no Ingress and no test, and probes come from within", () => {
    const manifests = render();
    expect(manifests.map(({ kind }) => kind).sort()).toEqual(["ConfigMap", "Deployment", "NetworkPolicy", "ServiceAccount"]);
    const { startupProbe, livenessProbe, readinessProbe } = gatewayContainer(manifests);
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) expect(Object.keys(probe)).toContain("exec");
  });

  test("with keys whoever is routed to it: Service, Ingress and route end at the port on which it listens", () => {
    const manifests = render({ ...EVERYTHING, values: { ...EVERYTHING.values, gateway: { port: 8443 } } });
    const container = gatewayContainer(manifests);
    expect(container.ports).toEqual([{ name: "http", containerPort: 8443, protocol: "TCP" }]);
    expect(environment(container).ALOUD_PORT).toBe("8443");
    const service = only(manifests, "Service", "gateway");
    expect(service.spec.ports).toMatchObject([{ name: "http", targetPort: "http" }]);
    const [rule] = only(manifests, "Ingress").spec.rules;
    expect(rule.http.paths[0].backend.service).toEqual({ name: service.metadata.name, port: { name: "http" } });
    expect(only(manifests, "NetworkPolicy", "gateway").spec.ingress[0].ports).toEqual([{ port: "http", protocol: "TCP" }]);
  });

  test("a route of the Gateway API sets no limit to a session", () => {
    const httpRoute = { enabled: true, parentRefs: [{ name: "public", namespace: "gateways" }], hostnames: ["voice.example"] };
    const manifests = render({ values: { ...withKeys, httpRoute } });
    const { metadata, spec } = only(manifests, "HTTPRoute");
    const { name } = only(manifests, "Service").metadata;
    expect(metadata.name).toBe(name);
    expect(spec).toEqual({
      parentRefs: httpRoute.parentRefs,
      hostnames: ["voice.example"],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: "/" } }],
          timeouts: { request: "0s" },
          backendRefs: [{ name, port: 80 }],
        },
      ],
    });
  });

  test("an Ingress' limits on a connection are as long as a session may last", () => {
    const { metadata, spec } = only(render({ values: { ...withKeys, ingress: { enabled: true, host: "voice.example" } } }), "Ingress");
    const limits = Object.entries(metadata.annotations as Record<string, string>).filter(([name]) => name.includes("timeout"));
    expect(limits.length).toBeGreaterThan(2);
    const { maxSessionMs } = readConfig({}, {});
    const units: Record<string, number> = { h: 3_600_000, s: 1_000, "": 1_000 };
    for (const [name, text] of limits) {
      const [, count, unit = ""] = /^(\d+)([hs]?)$/.exec(text) ?? [];
      expect(Number(count) * (units[unit] ?? 0), name).toBeGreaterThanOrEqual(maxSessionMs);
    }
    // The page, the socket and client secrets have one host.
    expect(spec.rules).toHaveLength(1);
    expect(metadata.annotations["nginx.org/websocket-services"]).toBe("demo-aloud");
    // What values.yaml says about idle timers.
    expect(HEARTBEAT_MS).toBe(20_000);
  });

  test("with nano it reaches nobody; with servers elsewhere, names and their ports", () => {
    expect(only(render(), "NetworkPolicy").spec).toMatchObject({ policyTypes: ["Ingress", "Egress"], egress: [] });
    const urls = ["http://gpu-0:8000", "http://gpu-1:8000/", "https://gpu.example", "http://[fd00::7]:8001", "http://plain.example"];
    const { egress } = only(render({ values: { vllm: { urls } } }), "NetworkPolicy").spec;
    const ports = egress.flatMap((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
    expect(ports).toEqual([53, 53, 8000, 443, 8001, 80]);
  });

  test("where callers are listed, they, those that scrape and the test may come", () => {
    const [rule] = only(render(EVERYTHING), "NetworkPolicy", "gateway").spec.ingress;
    const names = rule.from.map((peer: Manifest["spec"]) => {
      const [value] = Object.values((peer.namespaceSelector ?? peer.podSelector).matchLabels).slice(-1);
      return value;
    });
    expect(names).toEqual(["ingress", "monitoring", "test"]);
  });
});
