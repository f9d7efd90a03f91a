/** What `helm install` says at its end, and which version it installs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canRender, chart, EVERYTHING, gatewayContainer, only, parse, render, renderNotes, root, skipped, withKeys } from "./chart.ts";

describe.skipIf(!canRender)(`the notes${skipped}`, () => {
  test("without keys say how to reach it, and how to make a key", () => {
    const notes = renderNotes();
    const { name } = only(render(), "Deployment").metadata;
    expect(notes).toContain(`rollout status deploy/${name}`);
    expect(notes).toContain(`port-forward deploy/${name} 7860:7860`);
    expect(notes).toContain("aloud.js key me --file /tmp/keys.json");
    expect(notes).toContain("--set-file keys.file=keys.json");
  });

  test("with keys say where clients connect, and how to try it", () => {
    expect(renderNotes({ values: withKeys })).toMatch(/ws:\/\/demo-aloud\.voice:80\/v1\/realtime[\s\S]+helm test demo -n voice/);
    expect(renderNotes(EVERYTHING)).toMatch(/wss:\/\/voice\.example\/v1\/realtime/);
    expect(renderNotes({ values: { ...withKeys, ingress: { enabled: true, host: "voice.example" } } })).toContain("no microphone");
  });

  test("with several gateways say what that means", () => {
    expect(renderNotes({ values: withKeys })).not.toContain("Several gateways");
    expect(renderNotes({ values: { ...withKeys, gateway: { replicas: 2 } } })).toContain("Several gateways");
  });
});

test.skipIf(!canRender)(`the chart installs the version that this is${skipped}`, () => {
  const [about] = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(about?.appVersion).toBe(version);
  expect(gatewayContainer(render()).image).toBe(`aloud:${version}`);
  const digest = `sha256:${"0".repeat(64)}`;
  const image = { repository: "registry.example/aloud", tag: "1.2.3", digest };
  expect(gatewayContainer(render({ values: { gateway: { image } } })).image).toBe(`registry.example/aloud@${digest}`);
});
