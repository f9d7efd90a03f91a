/** The compose files: what compose makes of them, that it is what `aloud plan` says, and that it is no more open than it has to be. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseKeys } from "../../gateway/src/auth/keys-file.ts";
import { readConfig, readEngineChoice } from "../../gateway/src/config.ts";
import { CLOSE_ALL_MS } from "../../gateway/src/limits.ts";
import { parseGpus } from "../../gateway/src/plan/cards.ts";
import { COMPOSE_DIR, composeFile, plannedFor, READY_FILES } from "../../gateway/src/plan/compose-file.ts";
import { fitAll, type Placement } from "../../gateway/src/plan/fit.ts";
import { IMAGES, STEPFUN_IMAGE, serverFlags, VLLM_VERSION } from "../../gateway/src/plan/server-command.ts";
import { type ComposeService, has, merged, root, unless } from "./programs.ts";

const read = (path: string) => readFileSync(join(root, path), "utf8");
const files = readdirSync(join(root, COMPOSE_DIR)).filter((name) => name.endsWith(".yaml"));

function planned(ready: (typeof READY_FILES)[number]): Placement {
  const placement = plannedFor(ready);
  if (placement === undefined) throw new Error(`nothing fits on ${ready.gpu}`);
  return placement;
}

describe("one owner", () => {
  test.each(READY_FILES)("$file is what aloud plan --compose prints for $gpu", (ready) => {
    expect(read(`${COMPOSE_DIR}/${ready.file}`)).toBe(composeFile(planned(ready)));
  });

  test("the container file, the shared compose file and the plan name the same images", () => {
    const dockerfile = read("deploy/vllm.Dockerfile");
    expect(dockerfile).toContain(`ARG VLLM_VERSION=${VLLM_VERSION}\n`);
    expect(dockerfile).toContain(`ARG STEPFUN_IMAGE=${STEPFUN_IMAGE}\n`);
    const shared = read(`${COMPOSE_DIR}/vllm.yaml`);
    for (const [target, image] of Object.entries(IMAGES)) {
      expect(dockerfile).toContain(`--target ${target} -t ${image} .`);
      expect(dockerfile).toMatch(new RegExp(`^FROM .+ AS ${target}$`, "m"));
      expect(shared).toMatch(new RegExp(`  ${target}:\n(    extends: .+\n)?    image: ${image}\n`));
    }
  });

  test("the templates that flags name are those that the container file copies", () => {
    expect(read("deploy/vllm.Dockerfile").match(/COPY engine\/src\/vllm\/templates \/etc\/aloud\/templates/g)).toHaveLength(2);
    const named = READY_FILES.flatMap((ready) => serverFlags(planned(ready))).flatMap(([flag, path = ""]) =>
      flag === "--chat-template" ? [path] : [],
    );
    expect(named).not.toEqual([]);
    for (const path of named) expect(existsSync(path.replace("/etc/aloud", join(root, "engine/src/vllm")))).toBe(true);
  });
});

describe(".env.example", () => {
  const lines = read(`${COMPOSE_DIR}/.env.example`).split("\n");
  const example = Object.fromEntries(lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split(/=(.*)/s).slice(0, 2)));

  test("has every name that a file asks for", () => {
    const asked = files.flatMap((file) => [...read(`${COMPOSE_DIR}/${file}`).matchAll(/(?<!\$)\$\{(\w+)/g)].map((match) => match[1]));
    expect(asked.length).toBeGreaterThan(10);
    for (const name of [...asked, "GRAFANA_PASSWORD"]) expect(lines.join("\n")).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test("states the gateway's own defaults", () => {
    expect(readConfig({}, { ...example, ALOUD_HOST: "0.0.0.0", ALOUD_KEYS: "keys.json" })).toEqual(
      readConfig({}, { ALOUD_HOST: "0.0.0.0", ALOUD_KEYS: "keys.json" }),
    );
    expect(readEngineChoice({}, example)).toEqual(readEngineChoice({}, {}));
  });
});

const ENV = {
  ALOUD_VLLM_URL: "http://gpu-1:8000,http://gpu-2:8000",
  ALOUD_VLLM_KEY: "secret",
  ALOUD_NODE_ADDRESS: "10.0.0.11",
  ALOUD_HEAD_ADDRESS: "10.0.0.11",
  ALOUD_KEYS_FILE: "/etc/hostname",
  GRAFANA_PASSWORD: "secret",
};
const WITH_GATEWAY = ["laptop.yaml", ...READY_FILES.map(({ file }) => file), "remote.yaml"];
const SETS: readonly (readonly string[])[] = [
  ...WITH_GATEWAY.flatMap((file) => [
    [file],
    [file, "tls.yaml"],
    [file, "monitoring.yaml"],
    [file, "tls.yaml", "monitoring.yaml"],
    [file, "keys-file.yaml", "tls.yaml"],
  ]),
  ...["small-gpu.yaml", "one-gpu.yaml", "four-gpus.yaml"].map((file) => [file, "node.yaml"]),
  ["ray.yaml"],
];
const LONG_RUNNING = ([, { restart }]: readonly [string, ComposeService]) => restart !== "no";

/** Compose writes durations as "45s" or "1m0s". */
function seconds(duration: string | undefined): number {
  const [, minutes = "0", rest = "0"] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration ?? "") ?? [];
  return Number(minutes) * 60 + Number(rest);
}

describe.skipIf(!has.compose)(`as compose merges them${unless(has.compose, "docker compose")}`, () => {
  test("every file is in one of the sets", () => {
    expect(new Set([...SETS.flat(), "vllm.yaml"])).toEqual(new Set(files));
  });

  describe.each(SETS.map((set) => ({ set, name: set.join(" + ") })))("$name", ({ set }) => {
    const services = has.compose ? merged(set, ENV) : {};
    const all = Object.entries(services);

    test("images have a version, and what is built has its container file", () => {
      for (const [name, { image, build }] of all) {
        expect([name, image]).toEqual([name, expect.stringMatching(/^[\w./-]+:v?\d[\w.-]*$/)]);
        if (build !== undefined) expect(existsSync(join(build.context, build.dockerfile))).toBe(true);
      }
    });

    test("no service has rights that it does not need, and none fills the disk with its log", () => {
      for (const [name, service] of all) {
        expect([name, service.cap_drop, service.security_opt]).toEqual([name, ["ALL"], ["no-new-privileges:true"]]);
        expect([name, service.cap_add ?? []]).toEqual([name, name === "caddy" ? ["NET_BIND_SERVICE"] : []]);
        expect([name, service.logging?.options]).toEqual([name, { "max-size": "10m", "max-file": "3" }]);
        // vLLM compiles kernels wherever it likes; Grafana gets its password written into it.
        const writes = /vllm|grafana/.test(`${service.image} ${name}`);
        expect([name, service.read_only ?? false]).toEqual([name, !writes]);
      }
    });

    test("what runs for long comes back, and has bounds", () => {
      for (const [name, { restart, deploy }] of all.filter(LONG_RUNNING)) {
        expect([name, restart]).toEqual([name, "unless-stopped"]);
        const { limits, reservations } = deploy?.resources ?? {};
        // A server has its cards to itself, and takes the memory that its model needs.
        if (reservations === undefined) expect([name, limits]).toEqual([name, { memory: expect.any(String), pids: expect.any(Number) }]);
        else expect(reservations.devices).toMatchObject([{ driver: "nvidia", capabilities: ["gpu"] }]);
      }
    });

    test("others reach Caddy and nothing else, unless an address was chosen", () => {
      for (const [name, { ports = [] }] of all)
        for (const { host_ip, published } of ports) {
          if (name === "caddy") expect(["80", "443"]).toContain(published);
          else expect([name, host_ip]).toEqual([name, name === "vllm-0" ? ENV.ALOUD_NODE_ADDRESS : "127.0.0.1"]);
        }
      if ("caddy" in services) expect(services.aloud?.ports ?? []).toEqual([]);
    });

    test("what is mounted from the repository is there, and read only", () => {
      for (const [name, { volumes = [] }] of all)
        for (const { type, source, read_only } of volumes)
          if (type === "bind") expect([name, source, existsSync(source), read_only]).toEqual([name, source, true, true]);
    });

    test("waits for what exists, and the gateway stops before its servers and its proxy", () => {
      for (const { depends_on = {} } of Object.values(services))
        for (const name of Object.keys(depends_on)) expect(Object.keys(services)).toContain(name);
      // Compose stops in the reverse order of depends_on.
      const before = Object.keys(services).filter((name) => name.startsWith("vllm-") || name === "caddy");
      if (services.aloud !== undefined) expect(Object.keys(services.aloud.depends_on ?? {}).sort()).toEqual([...before, "keys"].sort());
    });

    const { aloud } = services;
    test.skipIf(aloud === undefined)("the gateway understands its settings, and has time to drain", () => {
      const env = { ALOUD_HOST: "0.0.0.0", ALOUD_KEYS: "/etc/aloud/keys.json", ...aloud?.environment };
      const config = readConfig({}, env);
      expect(seconds(aloud?.stop_grace_period)).toBeGreaterThanOrEqual((config.drainMs + CLOSE_ALL_MS) / 1_000 + 5);
      const servers = Object.keys(services).filter((name) => name.startsWith("vllm-"));
      const choice = readEngineChoice({}, env);
      if (servers.length > 0)
        expect(choice).toMatchObject({ engine: "vllm", urls: servers.map((name) => `http://${name}:8000`), apiKey: ENV.ALOUD_VLLM_KEY });
      const known = read("gateway/src/config.ts");
      for (const name of Object.keys(aloud?.environment ?? {})) expect(known).toContain(name);
    });

    test.skipIf(aloud === undefined)("the gateway reads its keys and cannot write them", () => {
      const keys = aloud?.volumes?.find(({ target }) => target === "/etc/aloud");
      if (set.includes("keys-file.yaml"))
        expect([keys, aloud?.secrets]).toEqual([undefined, [expect.objectContaining({ source: "keys.json" })]]);
      else expect(keys).toMatchObject({ type: "volume", source: "keys", read_only: true });
    });
  });

  test.each(READY_FILES)("the words that vLLM gets from $file are those of aloud plan", (ready) => {
    const placement = planned(ready);
    const start = placement.model.server === "stepfun" ? ["--", "vllm", "serve"] : [];
    const servers = Object.entries(merged([ready.file])).filter(([name]) => name.startsWith("vllm-"));
    expect(servers).toHaveLength(placement.replicas);
    const cards = servers.flatMap(([, { deploy }]) => deploy?.resources.reservations?.devices[0]?.device_ids ?? []);
    expect(cards).toEqual([...new Set(cards)]);
    expect(cards).toHaveLength(placement.degree * placement.replicas);
    for (const [, { command, build, image, shm_size }] of servers) {
      expect(command).toEqual([...start, ...serverFlags(placement).flat()]);
      expect([build?.target, image]).toEqual([placement.model.server, IMAGES[placement.model.server]]);
      expect(Number(shm_size)).toBeGreaterThanOrEqual(8 * 2 ** 30);
    }
  });

  test("over two machines: the words are those of a machine with both cards, and the workers join the head", () => {
    const [first] = fitAll(parseGpus("L40S:48x2"));
    if (!first?.fits) throw new Error("it fits no more");
    const { head, worker } = merged(["ray.yaml"], ENV);
    expect(head?.command?.slice(2)).toEqual([...serverFlags(first.placement).flat(), "--distributed-executor-backend", "ray"]);
    expect(head?.command?.[0]).toContain("--port=6379");
    expect(worker?.command?.[0]).toContain(`--address="${ENV.ALOUD_HEAD_ADDRESS}:6379"`);
    for (const service of [head, worker]) expect(service?.network_mode).toBe("host");
  });

  test.each([
    [["remote.yaml"], {}, "ALOUD_VLLM_URL"],
    [["four-gpus.yaml", "node.yaml"], { ALOUD_VLLM_KEY: "secret" }, "ALOUD_NODE_ADDRESS"],
    [["four-gpus.yaml", "node.yaml"], { ALOUD_NODE_ADDRESS: "10.0.0.1" }, "ALOUD_VLLM_KEY"],
    [["laptop.yaml", "keys-file.yaml"], {}, "ALOUD_KEYS_FILE"],
  ])("%j with %j says what is missing: %s", (set, env, missing) => {
    expect(() => merged(set, env)).toThrow(missing);
  });

  test("the key that Prometheus reads with is made once, opens no session, and is all that others may read", () => {
    const script = merged(["laptop.yaml", "monitoring.yaml"], ENV)["scraper-key"]?.command?.[0] ?? "";
    const keys = mkdtempSync(join(tmpdir(), "aloud-scraper-"));
    try {
      const start = () =>
        execFileSync("sh", ["-c", script.replaceAll("/etc/aloud", keys)], {
          cwd: root,
          stdio: ["ignore", "pipe", "pipe"],
          env: { PATH: process.env.PATH, ALOUD_KEYS: join(keys, "keys.json") },
        });
      start();
      const made = readFileSync(join(keys, "scraper.key"), "utf8");
      expect(made).toMatch(/^ak_\S+\n$/);
      expect(parseKeys(readFileSync(join(keys, "keys.json"), "utf8"))).toMatchObject([{ name: "scraper", sessions: 0 }]);
      expect(statSync(join(keys, "scraper.key")).mode & 0o777).toBe(0o644);
      start();
      expect(readFileSync(join(keys, "scraper.key"), "utf8")).toBe(made);
      expect(readdirSync(keys).sort()).toEqual(["keys.json", "scraper.key"]);
    } finally {
      rmSync(keys, { recursive: true });
    }
  });
});

test.skipIf(!has.hadolint).each(["deploy/gateway.Dockerfile", "deploy/vllm.Dockerfile"])(
  `%s has nothing that hadolint warns of${unless(has.hadolint, "hadolint")}`,
  (file) => {
    expect(execFileSync("hadolint", ["--failure-threshold", "warning", file], { cwd: root, encoding: "utf8" })).not.toContain("warning");
  },
);
