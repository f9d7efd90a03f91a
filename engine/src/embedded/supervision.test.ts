/** The supervised process for real: nano in a child that is killed, stopped and orphaned. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { afterEach, expect, test } from "vitest";
import type { GenerateRequest } from "../engine.ts";
import { pseudoSpeech } from "../testing/pseudo-audio.ts";
import { type EmbeddedEngine, openEmbeddedEngine } from "./host.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 400, maxAnswerTokens: 400 };
const NEVER = new AbortController().signal;

let engine: EmbeddedEngine | undefined;
let parent: ChildProcess | undefined;
afterEach(async () => {
  await engine?.close();
  engine = undefined;
  parent?.kill("SIGKILL");
  parent = undefined;
});

function kill(signal: NodeJS.Signals): void {
  if (engine?.processId === undefined) throw new Error("the engine has no process");
  process.kill(engine.processId, signal);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the process is gone; the test's own time limit ends the wait. */
async function untilGone(processId: number): Promise<void> {
  while (isAlive(processId)) await new Promise((resolve) => setTimeout(resolve, 10));
}

test("SIGKILL in the middle of an answer: the call fails with a retryable error, and a new conversation is answered", async () => {
  engine = openEmbeddedEngine();
  const conversation = await engine.open({});
  await conversation.append({ type: "audio", samples: pseudoSpeech(1_000, 1) });
  const answering = (async () => {
    for await (const _ of conversation.generate(REQUEST, NEVER)) if (engine?.status().state === "ready") kill("SIGKILL");
  })();
  await expect(answering).rejects.toMatchObject({ code: "engine_unavailable", retryable: true });
  const next = await engine.open({});
  await next.append({ type: "audio", samples: pseudoSpeech(1_000, 1) });
  let last: string | undefined;
  for await (const event of next.generate({ ...REQUEST, maxThinkTokens: 5, maxAnswerTokens: 5 }, NEVER)) last = event.type;
  expect(last).toBe("end");
});

test("SIGKILL while audio is taken in: append rejects", async () => {
  engine = openEmbeddedEngine();
  const conversation = await engine.open({});
  const appended = conversation.append({ type: "audio", samples: pseudoSpeech(20_000, 2) });
  kill("SIGKILL");
  await expect(appended).rejects.toMatchObject({ code: "engine_unavailable" });
});

test("a process that stands still is replaced", async () => {
  engine = openEmbeddedEngine({ pingEveryMs: 50 });
  const conversation = await engine.open({});
  const before = engine.processId;
  kill("SIGSTOP");
  await expect(conversation.append({ type: "audio", samples: pseudoSpeech(1_000, 3) })).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  await engine.open({});
  expect(engine.processId).not.toBe(before);
});

test("close() leaves no process behind, also when the engine still loads", async () => {
  engine = openEmbeddedEngine();
  const loading = engine.processId;
  await engine.close();
  expect(loading !== undefined && isAlive(loading)).toBe(false);
});

test("a host that is killed leaves no process behind", async () => {
  const host = createRequire(import.meta.url).resolve("@aloud/engine/embedded");
  const script = `
    const { openEmbeddedEngine } = await import(${JSON.stringify(host)});
    const engine = openEmbeddedEngine();
    await engine.open({});
    console.log(engine.processId);`;
  const spawned = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  parent = spawned;
  const processId = await new Promise<number>((resolve) => spawned.stdout.once("data", (line: Buffer) => resolve(Number(line.toString()))));
  expect(isAlive(processId)).toBe(true);
  spawned.kill("SIGKILL");
  await untilGone(processId);
});
