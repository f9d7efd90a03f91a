/** `aloud serve` as an operator runs it: a process with the real engine and nano, its one line, its signals and its complaints. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));
const nano = fileURLToPath(new URL("../../engine/models/nano", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  /** Everything on standard output until the ready line, or until the process ended. */
  readonly ready: Promise<string>;
  readonly ended: Promise<{ code: number | null; err: string }>;
}

describe("aloud serve", { timeout: 60_000 }, () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  function serve(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
    const child = spawn(process.execPath, [program, "serve", "--log", "silent", ...args], { env: { ...process.env, ...env } });
    children.push(child);
    let out = "";
    let err = "";
    child.stderr.on("data", (data) => (err += data));
    const ended = new Promise<{ code: number | null; err: string }>((resolve) => child.on("close", (code) => resolve({ code, err })));
    const ready = new Promise<string>((resolve) => {
      child.stdout.on("data", (data) => {
        out += data;
        if (out.includes("\n")) resolve(out);
      });
      child.on("close", () => resolve(out));
    });
    return { child, ready, ended };
  }

  test("takes its port from ALOUD_PORT, says in one line where it is ready, and ends with 0 at SIGTERM", async () => {
    const { child, ready, ended } = serve([], { ALOUD_PORT: "0" });
    const line = await ready;
    expect(line).toMatch(/^Aloud is ready on http:\/\/localhost:\d+ \(model nano, [\d.]+ s; Ctrl-C stops\)\n$/);
    const url = /http:\S+/.exec(line)?.[0] ?? "";
    expect(url).not.toContain(":7860");
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ ready: true, model: "nano" });
    expect(await (await fetch(url)).text()).toContain("<title>Aloud");
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 0, err: "" });
  });

  test("writes nothing to its user's home: what the runtime would note there for its telemetry, and send, is off", async () => {
    const home = await mkdtemp(join(tmpdir(), "aloud-home-"));
    try {
      const { child, ready, ended } = serve(["--port", "0"], { HOME: home, XDG_CACHE_HOME: "", XDG_CONFIG_HOME: "" });
      expect(await ready).toContain("Aloud is ready");
      child.kill("SIGTERM");
      expect(await ended).toEqual({ code: 0, err: "" });
      expect(await readdir(home, { recursive: true })).toEqual([]);
    } finally {
      await rm(home, { recursive: true });
    }
  });

  test("listens beyond this computer with keys only, and names the command that makes one", async () => {
    const home = await mkdtemp(join(tmpdir(), "aloud-home-"));
    try {
      const env = { XDG_CONFIG_HOME: home, ALOUD_KEYS: "" };
      const { code, err } = await serve(["--port", "0", "--host", "0.0.0.0"], env).ended;
      expect(code).toBe(1);
      const [, make, file] =
        /npx aloud (key --file (\S+)) and start with it: ALOUD_KEYS=\S+ npx aloud serve --host 0\.0\.0\.0/.exec(err) ?? [];
      const key = execFileSync(process.execPath, [program, ...(make ?? "").split(" ")], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      const { child, ready, ended } = serve(["--port", "0", "--host", "0.0.0.0"], { ALOUD_KEYS: file ?? "" });
      const port = /:(\d+) /.exec(await ready)?.[1];
      const metrics = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/metrics`, { headers });
      expect((await metrics({})).status).toBe(401);
      expect((await metrics({ authorization: `Bearer ${key.trim()}` })).status).toBe(200);
      child.kill("SIGTERM");
      expect(await ended).toEqual({ code: 0, err: "" });
    } finally {
      await rm(home, { recursive: true });
    }
  });

  test("says what to do when the port is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const { ended } = serve(["--port", String(port)]);
    expect(await ended).toMatchObject({ code: 1, err: expect.stringContaining(`port ${port} is taken; choose another with --port N`) });
    await new Promise((resolve) => taken.close(resolve));
  });

  test.each([
    [["--port", "http"], 'expected a number from 0 to 65535, got "http"'],
    [["--prot", "1"], "--prot"],
    [["--log", "loud"], "expected fatal, error, warn"],
  ])("refuses %j", async (args, complaint) => {
    const { code, err } = await serve(args).ended;
    expect(code).toBeGreaterThan(0);
    expect(err).toContain(complaint);
  });

  test("names the file that is missing in a model directory, and its hash", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aloud-model-"));
    try {
      const files = [
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "manifest.json",
      ];
      for (const file of files) await copyFile(join(nano, file), join(directory, file));
      const { code, err } = await serve(["--port", "0", "--model", directory]).ended;
      expect(code).toBe(1);
      expect(err).toMatch(/onnx\/\w+\.onnx does not exist; expected [\d,]+ bytes with sha256 [0-9a-f]{64}/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
