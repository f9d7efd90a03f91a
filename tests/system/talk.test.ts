/** `aloud talk` as a person runs it: a process, its output and its exit code, against a gateway with a scripted engine. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";

const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.opus`, import.meta.url));

describe("aloud talk", { timeout: 60_000 }, () => {
  let server: TestGateway;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "aloud-talk-"));
    server = await startGateway({
      answer: ({ text }) => [
        { transcript: text || "set a timer" },
        { channel: "semantic", text: "A timer is wanted." },
        { channel: "acoustic", text: "The voice is calm." },
        ...(text === "say nothing" ? [] : [{ channel: "answer", text: text === "" ? "Timer set." : `You wrote ${text}.` } as const]),
      ],
    });
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  function aloud(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, NO_COLOR: "1" } });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  }
  const talk = (...args: readonly string[]) => aloud("talk", "--url", server.gateway.url, ...args);

  test("prints the three channels of each file's turn and of what is typed", async () => {
    const { code, out, err } = await talk("--fast", fixture("timer"), fixture("lights"), "--text", "hello");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.match(/semantic {2}A timer is wanted\./g)).toHaveLength(3);
    expect(out.match(/acoustic {2}The voice is calm\./g)).toHaveLength(3);
    expect(out).toContain("answer    You wrote hello.");
    expect(out).toContain("turn over after");
  });

  test("takes a file with a long pause as two turns, and as one with push-to-talk", async () => {
    expect((await talk("--fast", fixture("long-pause"))).out.match(/answer {4}Timer set\./g)).toHaveLength(2);
    expect((await talk("--fast", "--ptt", fixture("long-pause"))).out.match(/answer {4}Timer set\./g)).toHaveLength(1);
  });

  test("prints every event as received with --json, and nothing else", async () => {
    const { code, out } = await talk("--json", "--fast", "--ptt", fixture("timer"));
    const events = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; seq: number });
    expect(code).toBe(0);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === "response.done")).toHaveLength(1);
  });

  test("fails when a turn is not answered", async () => {
    expect((await talk("--text", "say nothing")).code).toBe(1);
  });

  test("says that there is no speech in noise", async () => {
    const { code, err } = await talk("--fast", fixture("noise"));
    expect(code).toBe(1);
    expect(err).toContain("noise.opus: no speech found");
  });

  test("says in a line what is wrong with a file, before it connects", async () => {
    const text = join(directory, "notes.txt");
    await writeFile(text, "hello");
    expect(await talk("missing.wav")).toMatchObject({ code: 1, err: "aloud: missing.wav: no such file\n" });
    expect((await talk(text)).err).toContain("notes.txt: not a WAV or Ogg Opus file");
    expect((await talk(directory)).err).toContain("is a directory");
  });

  test("says where it found no server", async () => {
    const { code, err } = await aloud("talk", "--url", "127.0.0.1:1", "--text", "hello");
    expect(code).toBe(1);
    expect(err).toContain("cannot talk to ws://127.0.0.1:1/v1/realtime");
    expect(err).toContain("aloud serve");
  });

  test("knows its commands", async () => {
    expect(await aloud("tlak")).toMatchObject({ code: 2, err: expect.stringContaining("did you mean aloud talk?") });
    expect(await aloud("talk", "--loud")).toMatchObject({ code: 2, err: expect.stringContaining("aloud talk --help") });
    expect(await aloud("talk", "--help")).toMatchObject({ code: 0, out: expect.stringContaining("--ptt") });
    expect((await aloud("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
