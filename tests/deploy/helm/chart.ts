/** Renders the chart with Helm itself, and asks for its parts. What it needs is installed by install-tools.sh. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
export const chart = join(root, "deploy/helm/aloud");
const tools = process.env.ALOUD_HELM_TOOLS ?? join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "aloud/helm");
const helm = join(tools, "helm");
const python = join(tools, "venv/bin/python");

/** Whether the chart can be rendered here. */
export const canRender = existsSync(helm) && existsSync(join(tools, "schemas"));
/** For the titles of tests that are skipped. */
export const skipped = canRender ? "" : " (SKIPPED: no Helm; run tests/deploy/helm/install-tools.sh)";

/** Loose on purpose: tests look at what is really there. */
// biome-ignore lint/suspicious/noExplicitAny: manifests are inspected by path in tests
export type Manifest = { kind: string; metadata: Record<string, any> } & Record<string, any>;

export interface Wishes {
  readonly release?: string;
  readonly namespace?: string;
  /** Names of presets: `one-gpu`. */
  readonly presets?: readonly string[];
  /** Laid over the presets. */
  readonly values?: object;
}

/** A keys file, as `aloud key` makes it, of a key that nobody has. */
export const KEYS_FILE = JSON.stringify({
  keys: [{ id: "3f9a1b2c4d5e", name: "laptop", sha256: "5e".repeat(32), created: "2026-12-01" }],
});
export const withKeys = { keys: { file: KEYS_FILE } };

function runHelm(command: readonly string[], { release = "demo", namespace = "voice", presets = [], values = {} }: Wishes) {
  const files = presets.flatMap((preset) => ["-f", join(chart, `values-${preset}.yaml`)]);
  // JSON is YAML.
  return spawnSync(helm, [...command, release, chart, "--namespace", namespace, ...files, "-f", "-"], {
    input: JSON.stringify(values),
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    // A cluster that somebody is connected to has no say here.
    env: { PATH: process.env.PATH, HOME: tools, KUBECONFIG: "/nonexistent" },
  });
}

/** The YAML that would be installed. @throws Error with Helm's own words */
export function renderText(wishes: Wishes = {}): string {
  const { status, stdout, stderr } = runHelm(["template"], wishes);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** What was rendered before. Nobody changes it. */
const rendered = new Map<string, Manifest[]>();

export function render(wishes: Wishes = {}): readonly Manifest[] {
  const name = JSON.stringify(wishes);
  const manifests = rendered.get(name) ?? parse(renderText(wishes));
  rendered.set(name, manifests);
  return manifests;
}

/** What `helm install` prints at its end. */
export function renderNotes(wishes: Wishes = {}): string {
  const { status, stdout, stderr } = runHelm(["install", "--dry-run=client"], wishes);
  if (status !== 0) throw new Error(stderr);
  return stdout.slice(stdout.indexOf("NOTES:"));
}

/** Why Helm refuses these values. */
export function refusal(wishes: Wishes): string {
  const { status, stderr } = runHelm(["template"], wishes);
  return status === 0 ? "nothing was refused" : stderr;
}

export function lint(wishes: Wishes): string {
  const files = (wishes.presets ?? []).flatMap((preset) => ["-f", join(chart, `values-${preset}.yaml`)]);
  const input = JSON.stringify(wishes.values ?? {});
  const { status, stdout, stderr } = spawnSync(helm, ["lint", "--strict", chart, ...files, "-f", "-"], { input, encoding: "utf8" });
  return status === 0 ? "" : stdout + stderr;
}

export function parse(yaml: string): Manifest[] {
  return ask(["parse"], yaml) as Manifest[];
}

export interface Problem {
  readonly version: string;
  readonly kind: string;
  readonly name: string;
  /** Null where Kubernetes has no such kind. */
  readonly problem: string | null;
}

export function check(yaml: string, versions: readonly string[]): Problem[] {
  return ask(["check", ...versions], yaml) as Problem[];
}

function ask(command: readonly string[], input: string): unknown {
  const script = join(root, "tests/deploy/helm/manifests.py");
  const { status, stdout, stderr } = spawnSync(python, [script, ...command], { input, encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** The only manifest of this kind and component. @throws Error where there are none, or several */
export function only(manifests: readonly Manifest[], kind: string, component?: string): Manifest {
  const found = all(manifests, kind, component);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`expected one ${kind}, got ${found.length}`);
  return first;
}

export function all(manifests: readonly Manifest[], kind: string, component?: string): Manifest[] {
  return manifests.filter(
    (each) => each.kind === kind && (component === undefined || each.metadata.labels["app.kubernetes.io/component"] === component),
  );
}

/** Pod specs with the labels of their pods, of everything that makes pods. */
export function pods(manifests: readonly Manifest[]): { readonly labels: Record<string, string>; readonly spec: Manifest["spec"] }[] {
  return manifests.flatMap((each) => {
    if (each.kind === "Pod") return [{ labels: each.metadata.labels, spec: each.spec }];
    const template = each.spec?.template;
    return template?.spec === undefined ? [] : [{ labels: template.metadata.labels, spec: template.spec }];
  });
}

export function isSelected(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

export function gatewayContainer(manifests: readonly Manifest[]): Manifest {
  return only(manifests, "Deployment").spec.template.spec.containers[0];
}

export function vllmContainer(manifests: readonly Manifest[]): Manifest {
  return only(manifests, "StatefulSet").spec.template.spec.containers[0];
}

/** Variables with their values; those that come from elsewhere have none. */
export function environment(container: Manifest): Record<string, string | undefined> {
  return Object.fromEntries(container.env.map(({ name, value }: { name: string; value?: string }) => [name, value]));
}

/** Everything at once. */
export const EVERYTHING: Wishes = {
  presets: ["replicas"],
  values: {
    keys: { file: KEYS_FILE },
    gateway: {
      origins: ["https://voice.example", "none"],
      podLabels: { team: "voice" },
      podAnnotations: { note: "x" },
      priorityClassName: "calls",
      nodeSelector: { disk: "ssd" },
      tolerations: [{ key: "calls", operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      extraEnv: [{ name: "NODE_OPTIONS", value: "--max-old-space-size=1024" }],
    },
    imagePullSecrets: [{ name: "registry" }],
    service: { type: "LoadBalancer", sessionAffinity: "ClientIP", externalTrafficPolicy: "Local", annotations: { lb: "internal" } },
    ingress: { enabled: true, className: "haproxy", host: "voice.example", tlsSecret: "voice-tls" },
    networkPolicy: {
      from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } } }],
      egress: [{ ports: [{ port: 443, protocol: "TCP" }] }],
      vllmEgress: [{ ports: [{ port: 3128, protocol: "TCP" }] }],
    },
    monitoring: {
      serviceMonitor: { enabled: true, keySecret: "scraper" },
      prometheusRule: { enabled: true },
      labels: { release: "prometheus" },
      from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
    },
    autoscaling: { metric: "sessions" },
    vllm: {
      apiKeySecret: "vllm-key",
      cacheSaltSecret: "vllm-salt",
      thinkAhead: 256,
      hfTokenSecret: "hf",
      cache: { storageClassName: "fast" },
      runtimeClassName: "nvidia",
      extraEnv: [{ name: "NCCL_DEBUG", value: "WARN" }],
      podLabels: { team: "voice" },
    },
    test: { keySecret: "tester" },
  },
};
