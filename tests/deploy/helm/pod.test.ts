/**
 * The gateway's pod, played: the arguments, variables, user, mounts and read-only root that the chart gives it, around the real gateway with nano. Then it is
 * told to go, as Kubernetes tells it. What only a cluster has (its network, its probes' timing, its balancers) is beyond this.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WireClient } from "../../helpers/client.ts";
import { KeysFile } from "../../helpers/keys.ts";
import { canRender, chart, environment, gatewayContainer, type Manifest, only, render, root } from "./chart.ts";

const canPlay = canRender && process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;
const skipped = canPlay ? "" : " (SKIPPED: needs Helm (tests/deploy/helm/install-tools.sh), root and Linux' namespaces)";

// Made by beforeAll, which does not run where everything is skipped.
let work: string;
/** Where the pod's root lies, in its own namespace; here it stays empty. */
let podRoot: string;
let keys: KeysFile;
let key: string;
let pod: ChildProcess | undefined;
afterAll(() => {
  if (!canPlay) return;
  pod?.kill("SIGKILL");
  rmSync(work, { recursive: true });
  rmdirSync(podRoot);
  keys.remove();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What the ConfigMap and the Secret hold, as folders with the paths at which they are mounted. */
function volumes(manifests: readonly Manifest[]): readonly string[] {
  const folders = { files: join(work, "files"), keys: join(work, "keys") };
  for (const folder of Object.values(folders)) mkdirSync(folder);
  for (const name of Object.keys(only(manifests, "ConfigMap").data)) copyFileSync(join(chart, "files", name), join(folders.files, name));
  copyFileSync(keys.path, join(folders.keys, "keys.json"));
  return [`${folders.files}:/etc/aloud/files`, `${folders.keys}:/etc/aloud/keys`];
}

/** Starts the gateway's container. Resolves with what it said when it is ready, or has ended. */
async function start(manifests: readonly Manifest[]): Promise<{ process: ChildProcess; said: string; exited: Promise<unknown[]> }> {
  const { runAsUser, runAsGroup } = only(manifests, "Deployment").spec.template.spec.securityContext;
  const container = gatewayContainer(manifests);
  const script = join(root, "tests/deploy/helm/pod.sh");
  const command = [process.execPath, "gateway/bin/aloud.js", ...container.args];
  const started = spawn("unshare", ["--mount", script, podRoot, `${runAsUser}:${runAsGroup}`, ...volumes(manifests), "--", ...command], {
    cwd: root,
    env: { PATH: process.env.PATH, NODE_ENV: "production", ...environment(container) },
  });
  const exited = once(started, "exit");
  let said = "";
  const ready = new Promise<void>((resolve) => {
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (chunk) => {
        said += chunk.toString();
        if (said.includes("Aloud is ready")) resolve();
      });
  });
  await Promise.race([ready, exited]);
  return { process: started, said, exited };
}

let manifests: readonly Manifest[];
let url: string;
beforeAll(async () => {
  if (!canPlay) return;
  work = mkdtempSync(join(tmpdir(), "aloud-pod-"));
  podRoot = mkdtempSync(join(tmpdir(), "aloud-pod-root-"));
  keys = new KeysFile();
  key = keys.add("caller");
  const port = await freePort();
  manifests = render({ values: { keys: { file: readFileSync(keys.path, "utf8") }, gateway: { port } } });
  url = `http://127.0.0.1:${port}`;
});

test.skipIf(!canPlay)(
  `a pod serves from a read-only root, and goes without cutting anybody off${skipped}`,
  { timeout: 60_000 },
  async () => {
    const container = gatewayContainer(manifests);
    const { process: started, said, exited } = await start(manifests);
    pod = started;
    expect(said).toContain("Aloud is ready");
    // Neither root, nor able to become it.
    const status = readFileSync(`/proc/${started.pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    // As a probe does, on a connection that ends with it.
    const [answer] = (await once(get(url + container.readinessProbe.httpGet.path, { agent: false }), "response")) as [IncomingMessage];
    expect(answer.resume().statusCode).toBe(200);

    const caller = await WireClient.open(url, ["aloud.v1"], { headers: { authorization: `Bearer ${key}` } });
    const [, , port, longest] = container.lifecycle.preStop.exec.command;
    const hook = spawn(process.execPath, [join(chart, "files/await-sessions.mjs"), port, longest, "0"]);
    const hookEnded = once(hook, "exit");
    // It waits, and the session goes on.
    const item = { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] };
    caller.send({ type: "conversation.item.create", item });
    caller.send({ type: "response.create" });
    expect((await caller.wait("response.done")).response.status).toBe("completed");
    expect(hook.exitCode).toBeNull();
    await caller.close();
    expect(await hookEnded).toEqual([0, null]);
    started.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  },
);
