/** The supervised process for real: nano in a child that is killed, stopped and orphaned. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { afterEach, expect, test } from "vitest";
import type { EngineStatus, GenerateRequest } from "../engine.ts";
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

function onlyProcess(): number {
  const [processId, ...others] = engine?.processIds ?? [];
  if (processId === undefined || others.length > 0) throw new Error("expected an engine with one process");
  return processId;
}

function kill(signal: NodeJS.Signals): void {
  process.kill(onlyProcess(), signal);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when no device loads any more. */
function untilSettled(of: EmbeddedEngine): Promise<void> {
  return new Promise((resolve) => {
    const check = (status: EngineStatus) => {
      if (status.state !== "loading" && (status.state !== "ready" || status.devices.every(({ state }) => state !== "loading"))) resolve();
    };
    of.watch(check);
    check(of.status());
  });
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
  const before = onlyProcess();
  kill("SIGSTOP");
  await expect(conversation.append({ type: "audio", samples: pseudoSpeech(1_000, 3) })).rejects.toMatchObject({
    code: "engine_unavailable",
  });
  await engine.open({});
  expect(onlyProcess()).not.toBe(before);
});

test("SIGKILL of one of two devices: the conversation of the other is answered as if nothing had happened", async () => {
  engine = openEmbeddedEngine({ devices: ["cpu:0", "cpu:1"] });
  await untilSettled(engine);
  const [first, other] = [await engine.open({}), await engine.open({})];
  const audio = { type: "audio", samples: pseudoSpeech(1_000, 4) } as const;
  const [killed, spared] = [first.append({ ...audio, samples: pseudoSpeech(20_000, 4) }), other.append(audio)];
  const [processId = 0] = engine.processIds;
  process.kill(processId, "SIGKILL");
  await expect(killed).rejects.toMatchObject({ code: "engine_unavailable" });
  await spared;
  let last: string | undefined;
  for await (const event of other.generate({ ...REQUEST, maxThinkTokens: 5, maxAnswerTokens: 5 }, NEVER)) last = event.type;
  expect(last).toBe("end");
});

test("a GPU that this machine lacks is said with what to do, and the processor serves", async () => {
  engine = openEmbeddedEngine({ devices: ["cpu", "cuda:0"] });
  await untilSettled(engine);
  await engine.open({});
  expect(engine.status()).toMatchObject({
    state: "ready",
    devices: [
      { id: "cpu", state: "ready", conversations: 1 },
      { id: "cuda:0", state: "failed", message: expect.stringContaining("cuda:0: onnxruntime") },
    ],
  });
});

test("close() leaves no process behind, also when the engine still loads", async () => {
  engine = openEmbeddedEngine();
  const loading = onlyProcess();
  await engine.close();
  expect(isAlive(loading)).toBe(false);
});

test("a host that is killed leaves no process behind", async () => {
  const host = createRequire(import.meta.url).resolve("@aloud/engine/embedded");
  const script = `
    const { openEmbeddedEngine } = await import(${JSON.stringify(host)});
    const engine = openEmbeddedEngine();
    await engine.open({});
    console.log(engine.processIds[0]);`;
  const spawned = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  parent = spawned;
  const processId = await new Promise<number>((resolve) => spawned.stdout.once("data", (line: Buffer) => resolve(Number(line.toString()))));
  expect(isAlive(processId)).toBe(true);
  spawned.kill("SIGKILL");
  await untilGone(processId);
});
