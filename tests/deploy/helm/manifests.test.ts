/** What every manifest of the chart must be: valid, named within bounds, joined by the right labels, without rights and without secrets in the open. */
import { describe, expect, test } from "vitest";
import {
  all,
  canRender,
  check,
  EVERYTHING,
  isSelected,
  KEYS_FILE,
  lint,
  parse,
  pods,
  renderText,
  skipped,
  type Wishes,
  withKeys,
} from "./chart.ts";

/** The oldest release that the chart names, and the newest that the schemas know. */
const RELEASES = ["1.27", "1.37"];
const CUSTOM = ["HTTPRoute", "PrometheusRule", "ServiceMonitor"];
/** As long as Helm lets a release's name be. */
const LONG = "a-very-long-release-name-that-nobody-would-ever-choos";

const { ingress: _, ...rest } = EVERYTHING.values as Record<string, unknown>;
const cases: readonly (readonly [string, Wishes])[] = [
  ["nothing but defaults", {}],
  ["keys", { values: withKeys }],
  ["an existing Secret of keys", { values: { keys: { existingSecret: "voice-keys", secretKey: "clients" } } }],
  ["one GPU", { presets: ["one-gpu"] }],
  ["four GPUs", { presets: ["four-gpus"], values: withKeys }],
  ["replicas", { presets: ["replicas"], values: withKeys }],
  ["servers elsewhere", { values: { ...withKeys, vllm: { urls: ["http://gpu-0:8000", "https://gpu.example"], apiKeySecret: "vllm" } } }],
  [
    "everything, behind the Gateway API",
    {
      presets: ["replicas"],
      values: {
        ...rest,
        httpRoute: { enabled: true, parentRefs: [{ name: "public" }], hostnames: ["voice.example"], annotations: { a: "b" } },
      },
    },
  ],
  ["everything, and a long name", { ...EVERYTHING, release: LONG }],
  [
    "no policies, no budgets, a shared cache",
    {
      presets: ["replicas"],
      values: {
        ...withKeys,
        networkPolicy: { enabled: false },
        podDisruptionBudget: { enabled: false },
        vllm: { offline: true, server: "vllm", chatTemplate: "", cache: { existingClaim: "weights" } },
      },
    },
  ],
];

test("the longest name is as long as it may be", () => expect(LONG).toHaveLength(53));

describe.skipIf(!canRender).each(cases)(`the chart with %s${skipped}`, (_name, wishes) => {
  const text = canRender ? renderText(wishes) : "";
  const manifests = canRender ? parse(text) : [];
  const made = pods(manifests);

  test("is what helm lint, strictly, finds well written", () => expect(lint(wishes)).toBe(""));

  test(`is valid in Kubernetes ${RELEASES.join(" and ")}, with no field that it does not know`, { timeout: 60_000 }, () => {
    const found = check(text, RELEASES);
    expect(found.filter(({ problem }) => problem !== null)).toEqual([]);
    expect(CUSTOM).toEqual(expect.arrayContaining([...new Set(found.map(({ kind }) => kind))]));
  });

  test("names everything once, in the release's namespace, within Kubernetes' bounds", () => {
    const names = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names.length).toBeGreaterThan(3);
    expect(new Set(names).size).toBe(names.length);
    for (const { kind, metadata } of manifests) {
      expect(metadata.namespace).toBe(wishes.namespace ?? "voice");
      expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/);
      // A StatefulSet's name plus a dash and ten characters becomes a label.
      expect(metadata.name.length, `${kind} ${metadata.name}`).toBeLessThanOrEqual(kind === "StatefulSet" ? 52 : 63);
      for (const value of Object.values(metadata.labels)) expect(value).toMatch(/^[A-Za-z0-9][\w.-]{0,62}$/);
    }
  });

  test("selects with every selector the pods that it means, and no others", () => {
    const component = (labels: Record<string, string>) => labels["app.kubernetes.io/component"];
    let selectors = 0;
    for (const { kind, spec, metadata } of manifests) {
      const spreads = (spec?.template?.spec.topologySpreadConstraints ?? []).map(
        (each: { labelSelector: { matchLabels: Record<string, string> } }) => each.labelSelector.matchLabels,
      );
      const own = kind === "Service" ? spec.selector : (spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels);
      if (kind === "ServiceMonitor") {
        const services = all(manifests, "Service").filter((service) => isSelected(own, service.metadata.labels));
        expect(services.map((service) => service.metadata.name)).toEqual([metadata.name]);
        continue;
      }
      for (const selector of [...(own === undefined ? [] : [own]), ...spreads]) {
        selectors += 1;
        const selected = made.filter(({ labels }) => isSelected(selector, labels));
        expect(
          selected.map(({ labels }) => component(labels)),
          `${kind} ${metadata.name}`,
        ).toEqual([component(metadata.labels)]);
      }
    }
    expect(selectors).toBeGreaterThan(1);
  });

  test("runs no container with rights, and none that speaks to the Kubernetes API or is told of Services by variables", () => {
    expect(made.length).toBeGreaterThan(0);
    for (const { spec, labels } of made) {
      const isOurs = labels["app.kubernetes.io/component"] !== "vllm";
      expect(spec.automountServiceAccountToken).toBe(false);
      // ALOUD_PORT=tcp://10.0.0.1:80 would be the gateway's port.
      expect(spec.enableServiceLinks).toBe(false);
      expect(spec.securityContext.seccompProfile).toEqual({ type: "RuntimeDefault" });
      for (const { securityContext } of spec.containers) {
        expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } });
        if (isOurs) expect(securityContext.readOnlyRootFilesystem).toBe(true);
      }
      if (isOurs) expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    }
    for (const account of all(manifests, "ServiceAccount")) expect(account.automountServiceAccountToken).toBe(false);
  });

  test("mounts volumes that are there, and sets no variable twice", () => {
    for (const { spec } of made) {
      const claims = all(manifests, "StatefulSet").flatMap((set) => set.spec.volumeClaimTemplates ?? []);
      const volumes = [...(spec.volumes ?? []), ...claims.map(({ metadata }) => metadata)].map(({ name }: { name: string }) => name);
      for (const { volumeMounts, env = [] } of spec.containers) {
        expect(volumes).toEqual(expect.arrayContaining(volumeMounts.map(({ name }: { name: string }) => name)));
        const variables = env.map(({ name }: { name: string }) => name);
        expect(new Set(variables).size).toBe(variables.length);
      }
      for (const { configMap } of spec.volumes) {
        if (configMap === undefined) continue;
        expect(all(manifests, "ConfigMap").map(({ metadata }) => metadata.name)).toContain(configMap.name);
      }
    }
  });

  test("keeps secrets in Secrets", () => {
    for (const { spec } of made) {
      for (const { env = [] } of spec.containers)
        for (const { name, value, valueFrom } of env) {
          if (!/KEY$|TOKEN$|SALT$/.test(name)) continue;
          expect(value, name).toBeUndefined();
          expect(valueFrom.secretKeyRef, name).toMatchObject({ name: expect.any(String), key: expect.any(String) });
        }
    }
    const elsewhere = manifests.filter(({ kind }) => kind !== "Secret");
    expect(JSON.stringify(elsewhere)).not.toContain("5e5e5e");
    expect(JSON.stringify(elsewhere)).not.toContain(Buffer.from(KEYS_FILE).toString("base64").slice(0, 40));
  });
});

describe.skipIf(!canRender)(`the checks of this file${skipped}`, () => {
  test("find a field that Kubernetes does not know, and a wrong type", () => {
    const text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: eighty}], sellector: {}}\n";
    const problems = check(text, ["1.37"]).map(({ problem }) => problem);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/sellector|eighty/);
  });

  test("refuse a key that is there twice", () => {
    expect(() => parse("a: 1\nb: {c: 1, c: 2}\n")).toThrow("the key 'c' is there twice");
  });
});
