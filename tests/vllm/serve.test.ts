/** `aloud serve --engine vllm`, as an operator runs it: chosen by configuration alone, the rest stays as it is. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { type FakeVllm, startFakeVllm } from "./fake/server.ts";

const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));
const speech = fileURLToPath(new URL("../fixtures/lights.opus", import.meta.url));

describe("aloud serve --engine vllm", { timeout: 60_000 }, () => {
  const children: ChildProcess[] = [];
  const fakes: FakeVllm[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    for (const fake of fakes.splice(0)) await fake.kill();
  });

  async function serve(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [program, "serve", "--log", "silent", "--port", "0", ...args], {
      env: { ...process.env, ...env },
    });
    children.push(child);
    let out = "";
    let err = "";
    child.stderr.on("data", (data) => (err += data));
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (data) => {
        out += data;
        if (out.includes("\n")) resolve();
      });
      child.on("close", () => resolve());
    });
    return { out, err, url: /http:\/\/localhost:\d+/u.exec(out)?.[0] };
  }

  test.each(["flags", "environment"])("answers speech with the server's model, chosen by %s", async (by) => {
    const fake = await startFakeVllm();
    fakes.push(fake);
    const { out, url } = await (by === "flags"
      ? serve(["--engine", "vllm", "--url", fake.url, "--model", "tiny-audio"])
      : serve([], { ALOUD_ENGINE: "vllm", ALOUD_VLLM_URL: fake.url }));
    expect(out).toMatch(/model tiny-audio/u);
    const talked = await promisify(execFile)(process.execPath, [
      program,
      "talk",
      speech,
      "--url",
      `${url?.replace("http", "ws")}/v1/realtime`,
    ]);
    expect(talked.stdout).toContain("Sure!");
    expect(talked.stdout).toContain("Pitch falls at the end");
    const audio = fake.requests.map((request) => JSON.stringify(request).match(/"input_audio":\{/gu)?.length ?? 0);
    expect(Math.max(...audio)).toBeGreaterThan(0);
  });

  test.each([
    [["--engine", "vllm"], "where is the server"],
    [["--engine", "vllm", "--url", "gpu:8000"], "expected http://HOST:PORT"],
    [["--engine", "llama"], "expected embedded or vllm"],
    [["--engine", "vllm", "--url", "http://gpu:8000", "--url", "http://gpu:8001"], "one server can be used so far, not 2"],
    [["--url", "http://gpu:8000"], "only --engine vllm has a server"],
  ])("refuses %j", async (args, complaint) => {
    expect((await serve(args)).err).toContain(complaint);
  });

  test("says what the server has when the model is another", async () => {
    const fake = await startFakeVllm();
    fakes.push(fake);
    expect((await serve(["--engine", "vllm", "--url", fake.url, "--model", "other"])).err).toContain("serves tiny-audio, not other");
  });
});
