/** The chart's vLLM servers: started as `aloud plan` starts them, known to the gateways by name, and reached by nobody else. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readStepAudioTemplate } from "../../../engine/src/vllm/templates.ts";
import { parseServeArgs } from "../../../gateway/src/cli/serve.ts";
import { parseGpus } from "../../../gateway/src/plan/cards.ts";
import { choose, fitAll, fit as fitOn, type Placement } from "../../../gateway/src/plan/fit.ts";
import { findModel } from "../../../gateway/src/plan/models.ts";
import { STEPFUN_IMAGE, serverFlags } from "../../../gateway/src/plan/server-command.ts";
import {
  all,
  canRender,
  chart,
  EVERYTHING,
  environment,
  gatewayContainer,
  type Manifest,
  only,
  render,
  skipped,
  vllmContainer,
  withKeys,
} from "./chart.ts";

/** What plan proposes for these cards. */
function planned(gpus: string): Placement {
  const placement = choose(fitAll(parseGpus(gpus)));
  if (placement === undefined) throw new Error(`nothing fits on ${gpus}`);
  return placement;
}

/** Flags with their values, whatever their order. */
function flagsOf(words: readonly string[]): string[] {
  const flags: string[] = [];
  for (const word of words) {
    if (word.startsWith("--") || flags.length === 0) flags.push(word);
    else flags.push(`${flags.pop()} ${word}`);
  }
  return flags.sort();
}

const presets = [
  ["one-gpu", "H100"],
  ["four-gpus", "L40S:48x4"],
  ["replicas", "H100:80x4"],
] as const;

describe.skipIf(!canRender).each(presets)(`the preset %s${skipped}`, (preset, gpus) => {
  const placement = planned(gpus);
  const manifests = canRender ? render({ presets: [preset], values: withKeys }) : [];

  test(`starts the servers that plan proposes for ${gpus}, with the same image and flags`, () => {
    const { spec } = only(manifests, "StatefulSet");
    const container = vllmContainer(manifests);
    expect(spec.replicas).toBe(placement.replicas);
    expect(container.resources.limits["nvidia.com/gpu"]).toBe(String(placement.degree));
    expect(container.resources.requests["nvidia.com/gpu"]).toBe(String(placement.degree));
    const [dashes, program, command, ...words] = container.args;
    expect([container.command, dashes, program, command]).toEqual([undefined, "--", "vllm", "serve"]);
    expect(flagsOf(words)).toEqual(flagsOf(serverFlags(placement).flat()));
    // As it is published: the chart brings the template that plan's image has inside.
    expect(container.image).toBe(STEPFUN_IMAGE);
  });

  test("tells every gateway of every server by a name that stays", () => {
    const set = only(manifests, "StatefulSet");
    const service = only(manifests, "Service", "vllm");
    expect(set.spec.serviceName).toBe(service.metadata.name);
    expect(service.spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
    const args = parseServeArgs(gatewayContainer(manifests).args.slice(1));
    if (args === "help") throw new Error("expected arguments");
    const { engine, urls, model } = args.engine;
    expect({ engine, model }).toEqual({ engine: "vllm", model: placement.model.name });
    const port = service.spec.ports[0].port;
    expect(vllmContainer(manifests).ports).toMatchObject([{ name: service.spec.ports[0].targetPort, containerPort: port }]);
    expect(urls).toEqual(
      Array.from({ length: placement.replicas }, (_, n) => `http://${set.metadata.name}-${n}.${service.metadata.name}.voice.svc:${port}`),
    );
  });

  test("mounts our chat template where the flag says", () => {
    const { volumeMounts } = vllmContainer(manifests);
    expect(volumeMounts).toContainEqual({ name: "template", mountPath: "/etc/aloud/templates", readOnly: true });
    expect(only(manifests, "ConfigMap", "vllm").data).toEqual({ "step-audio-r1.jinja": readStepAudioTemplate() });
  });

  test("gives a deployment as long as its servers may take to load", () => {
    const { startupProbe } = vllmContainer(manifests);
    const loadingSeconds = startupProbe.periodSeconds * startupProbe.failureThreshold;
    expect(loadingSeconds).toBe(3_600);
    expect(only(manifests, "Deployment").spec.progressDeadlineSeconds).toBeGreaterThan(loadingSeconds);
  });
});

test("the chart's chat template is the engine's", () => {
  expect(readFileSync(join(chart, "files/step-audio-r1.jinja"), "utf8")).toBe(readStepAudioTemplate());
});

describe.skipIf(!canRender)(`a vLLM server${skipped}`, () => {
  const released = {
    enabled: true,
    model: "Qwen/Qwen3-Omni-30B-A3B-Thinking",
    image: { repository: "registry.example/vllm-audio", tag: "0.32.0" },
  };

  test("of a vLLM release is started by its own program, as plan starts it", () => {
    const model = findModel("qwen3-omni");
    const found = model && fitOn(model, parseGpus("H100:80x2"));
    if (!found?.fits) throw new Error("it fits on two H100");
    const { placement } = found;
    const sequences = serverFlags(placement).find(([flag]) => flag === "--max-num-seqs")?.[1];
    const vllm = {
      ...released,
      servedModelName: model?.name,
      tensorParallelSize: placement.degree,
      maxModelLen: placement.context,
      maxNumSeqs: Number(sequences),
      limitMmPerPrompt: { audio: 512, image: 0, video: 0 },
      extraArgs: model?.flags,
    };
    const container = vllmContainer(render({ values: { vllm } }));
    expect(container.command).toEqual(["vllm", "serve"]);
    expect(flagsOf(container.args)).toEqual(flagsOf(serverFlags(placement).flat()));
    expect(container.image).toBe("registry.example/vllm-audio:0.32.0");
  });

  test("runs without root, unless the image needs it", () => {
    const user = (manifests: readonly Manifest[]) => only(manifests, "StatefulSet").spec.template.spec.securityContext;
    expect(user(render({ values: { vllm: released } }))).toMatchObject({ runAsNonRoot: true, runAsUser: 2000, runAsGroup: 0, fsGroup: 0 });
    expect(user(render({ presets: ["one-gpu"] }))).toMatchObject({ runAsNonRoot: false, runAsUser: 0 });
  });

  test("is reached by gateways and by those that scrape, and reaches only what it downloads from", () => {
    const { podSelector, ingress, egress, policyTypes } = only(render(EVERYTHING), "NetworkPolicy", "vllm").spec;
    expect(podSelector.matchLabels["app.kubernetes.io/component"]).toBe("vllm");
    expect(policyTypes).toEqual(["Ingress", "Egress"]);
    expect(ingress).toHaveLength(1);
    const [gateways, scrapers, ...others] = ingress[0].from;
    expect(gateways).toEqual({ podSelector: only(render(EVERYTHING), "Deployment").spec.selector });
    expect(scrapers.namespaceSelector.matchLabels).toEqual({ "kubernetes.io/metadata.name": "monitoring" });
    expect(others).toEqual([]);
    expect(egress.flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port))).toEqual([53, 53, 443, 3128]);
    const offline = render({ presets: ["one-gpu"], values: { vllm: { offline: true } } });
    expect(only(offline, "NetworkPolicy", "vllm").spec.egress).toEqual([]);
    expect(environment(vllmContainer(offline)).HF_HUB_OFFLINE).toBe("1");
  });

  test("is reached by gateways that may reach it", () => {
    const manifests = render({ presets: ["replicas"], values: withKeys });
    const [, rule] = only(manifests, "NetworkPolicy", "gateway").spec.egress;
    expect(rule.to[0].podSelector.matchLabels).toEqual(only(manifests, "StatefulSet").spec.selector.matchLabels);
    expect(rule.ports).toEqual([{ port: 8000, protocol: "TCP" }]);
  });

  test("keeps weights and compiled code on its volume, and has shared memory for several cards", () => {
    const manifests = render({ presets: ["four-gpus"], values: { vllm: { cache: { retain: false, size: "300Gi" } } } });
    const { spec } = only(manifests, "StatefulSet");
    const [claim] = spec.volumeClaimTemplates;
    expect(claim).toMatchObject({
      metadata: { name: "cache" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "300Gi" } } },
    });
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Delete", whenScaled: "Retain" });
    expect(environment(vllmContainer(manifests))).toMatchObject({ HOME: "/cache", HF_HOME: "/cache/huggingface" });
    const { volumes } = spec.template.spec;
    expect(volumes).toContainEqual({ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "16Gi" } });
    expect(vllmContainer(manifests).volumeMounts).toContainEqual({ name: "shm", mountPath: "/dev/shm" });
    const shared = only(
      render({ presets: ["replicas"], values: { ...withKeys, vllm: { cache: { existingClaim: "weights" } } } }),
      "StatefulSet",
    );
    expect(shared.spec).not.toHaveProperty("volumeClaimTemplates");
    expect(shared.spec.template.spec.volumes).toContainEqual({ name: "cache", persistentVolumeClaim: { claimName: "weights" } });
  });

  test("shares its key with the gateways", () => {
    const manifests = render(EVERYTHING);
    const keyOf = (container: Manifest, name: string) => container.env.find((each: { name: string }) => each.name === name).valueFrom;
    const key = { secretKeyRef: { name: "vllm-key", key: "key" } };
    expect(keyOf(vllmContainer(manifests), "VLLM_API_KEY")).toEqual(key);
    expect(keyOf(gatewayContainer(manifests), "ALOUD_VLLM_KEY")).toEqual(key);
    expect(keyOf(vllmContainer(manifests), "HF_TOKEN")).toEqual({ secretKeyRef: { name: "hf", key: "token" } });
  });

  test("is evicted one at a time, where there are several", () => {
    expect(only(render({ presets: ["replicas"], values: withKeys }), "PodDisruptionBudget", "vllm").spec.maxUnavailable).toBe(1);
    expect(all(render({ presets: ["one-gpu"] }), "PodDisruptionBudget")).toEqual([]);
  });

  test("is not there, where servers are elsewhere or nano answers", () => {
    for (const vllm of [{}, { urls: ["http://gpu:8000"] }]) {
      const kinds = render({ values: { vllm } }).map(({ kind }) => kind);
      expect(kinds).not.toContain("StatefulSet");
      expect(kinds).not.toContain("Service");
    }
  });
});
