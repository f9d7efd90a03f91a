/** `aloud serve --engine vllm`, as an operator runs it: chosen by configuration alone, the rest stays as it is. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { readEngineChoice } from "../../gateway/src/config.ts";
import { WireClient } from "../helpers/client.ts";
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

  test.each(["flags", "environment"])("serves with several servers, also when one is not there, chosen by %s", async (by) => {
    const [fake, gone] = [await startFakeVllm(), await startFakeVllm()];
    fakes.push(fake);
    await gone.kill();
    const { out, url } = await (by === "flags"
      ? serve(["--engine", "vllm", "--url", gone.url, "--url", fake.url])
      : serve([], { ALOUD_ENGINE: "vllm", ALOUD_VLLM_URL: `${gone.url}, ${fake.url}` }));
    expect(out).toMatch(/model tiny-audio/u);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('aloud_engine_device_ready{device="vllm:0"} 0');
    expect(metrics).toContain('aloud_engine_device_ready{device="vllm:1"} 1');
  });

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

  test.each(["flags", "environment"])("answers ahead of the thought, chosen by %s", async (by) => {
    const fake = await startFakeVllm();
    fakes.push(fake);
    const choice = ["--engine", "vllm", "--url", fake.url];
    const { url } = await (by === "flags" ? serve([...choice, "--think-ahead", "8"]) : serve(choice, { ALOUD_THINK_AHEAD: "8" }));
    const client = await WireClient.open(url ?? "", ["aloud.v1"]);
    client.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
    });
    client.send({ type: "response.create", response: {} });
    expect((await client.wait("response.done")).response.status).toBe("completed");
    await client.close();
    const prefills = fake.requests.map(({ messages }) => String(messages.at(-1).content));
    expect(prefills.filter((prefill) => prefill.endsWith("and asks about\n</think>\n\n"))).toHaveLength(1);
  });

  test.each([
    [["--engine", "vllm"], "where is the server"],
    [["--engine", "vllm", "--url", "gpu:8000"], "expected http://HOST:PORT"],
    [["--engine", "llama"], "expected embedded or vllm"],
    [["--engine", "vllm", "--url", "http://gpu:8000", "--url", "http://gpu:8000/"], "http://gpu:8000/ is there twice"],
    [["--engine", "vllm", "--url", "http://gpu:8000,gpu:8001"], 'expected http://HOST:PORT, got "gpu:8001"'],
    [["--url", "http://gpu:8000"], "only --engine vllm has a server"],
    [["--think-ahead", "32"], "only --engine vllm thinks and answers at once"],
    [["--engine", "vllm", "--url", "http://gpu:8000", "--think-ahead", "soon"], 'from 0 (off) to 2048, got "soon"'],
  ])("refuses %j", async (args, complaint) => {
    expect((await serve(args)).err).toContain(complaint);
  });

  test("thinks ahead when it is told to, by flag before environment, and not when it is told 0 or nothing", () => {
    const flags = { engine: "vllm", urls: ["http://gpu:8000"] };
    const choose = (thinkAhead: string | undefined, env: Readonly<Record<string, string>> = {}) =>
      readEngineChoice({ ...flags, thinkAhead }, env);
    expect(choose(undefined)).toMatchObject({ thinkAheadTokens: undefined });
    expect(choose("32", { ALOUD_THINK_AHEAD: "8" })).toMatchObject({ thinkAheadTokens: 32 });
    expect(choose(undefined, { ALOUD_THINK_AHEAD: "8" })).toMatchObject({ thinkAheadTokens: 8 });
    expect(choose("0", { ALOUD_THINK_AHEAD: "8" })).toMatchObject({ thinkAheadTokens: undefined });
    expect(() => choose("2049")).toThrow("to 2048, got");
    expect(() => readEngineChoice({}, { ALOUD_THINK_AHEAD: "8" })).toThrow("only --engine vllm");
  });

  test("takes so many servers and no more", () => {
    const urls = Array.from({ length: 65 }, (_, n) => `http://gpu-${n}:8000`);
    expect(readEngineChoice({ engine: "vllm", urls: urls.slice(1) }, {})).toMatchObject({ urls: urls.slice(1) });
    expect(() => readEngineChoice({ engine: "vllm", urls }, {})).toThrow("at most 64 servers, got 65");
  });

  test("takes the cache's secret from the environment, and none that is guessed", () => {
    const read = (ALOUD_VLLM_CACHE_SALT: string) =>
      readEngineChoice({ engine: "vllm", urls: ["http://gpu:8000"] }, { ALOUD_VLLM_CACHE_SALT });
    expect(read("of-two-gateways-and-nobody-else")).toMatchObject({ cacheSalt: "of-two-gateways-and-nobody-else" });
    expect(read("")).toMatchObject({ cacheSalt: undefined });
    expect(() => read("hunter2")).toThrow(/^ALOUD_VLLM_CACHE_SALT: expected a secret of at least 16 characters, got 7$/u);
  });

  test("says what the server has when the model is another", async () => {
    const fake = await startFakeVllm();
    fakes.push(fake);
    expect((await serve(["--engine", "vllm", "--url", fake.url, "--model", "other"])).err).toContain("serves tiny-audio, not other");
  });
});
