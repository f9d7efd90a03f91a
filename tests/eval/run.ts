/** Runs jobs through embedded engines, and keeps every result in a file as soon as it is there. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { type Conversation, type Engine, type GenerateRequest, SAMPLE_RATE_HZ, type Tool } from "@aloud/engine";
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import type { Clip, Clips } from "./clips.ts";
import { type Job, keyOf } from "./jobs.ts";

/** Audio arrives in pieces of so many samples, as from a live session. */
const PIECE = 0.16 * SAMPLE_RATE_HZ;
/** Processes, and conversations at a time in each: with more, the live transcript would be that of a busy machine. */
const ENGINES = 2;
const CONVERSATIONS = 1;
const FULL_THINK_TOKENS = 200;
const MAX_ANSWER_TOKENS = 120;
const PROGRESS_EVERY = 200;

/** What nano made of one turn. */
export interface Result {
  readonly key: string;
  readonly semantic: string;
  readonly acoustic: string;
  readonly answer: string;
  readonly thinkTokens: number;
  /** The live transcript when the speaker had ended. */
  readonly live?: string;
  readonly endOfTurn?: number;
  readonly confidence?: number;
  readonly toolCall?: { readonly name: string; readonly arguments: string };
  /** What was said to the tool's result. */
  readonly afterTool?: string;
  readonly problem?: string;
}

export function readResults(file: string): Map<string, Result> {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const results = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as Result);
  return new Map(results.map((result) => [result.key, result]));
}

export async function runJobs(jobs: readonly Job[], clips: Clips, tools: readonly Tool[], file: string): Promise<void> {
  const engines = Array.from({ length: ENGINES }, () => openEmbeddedEngine({ maxConversations: CONVERSATIONS }));
  const startedAt = performance.now();
  let next = 0;
  const lane = async (engine: Engine) => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      for (const result of await runJob(engine, job, clips, tools)) appendFileSync(file, `${JSON.stringify(result)}\n`);
      if (next % PROGRESS_EVERY === 0) {
        const seconds = (performance.now() - startedAt) / 1_000;
        console.error(`${next} of ${jobs.length} conversations in ${seconds.toFixed(0)} s`);
      }
    }
  };
  try {
    await Promise.all(engines.flatMap((engine) => Array.from({ length: CONVERSATIONS }, () => lane(engine))));
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

async function runJob(engine: Engine, job: Job, clips: Clips, tools: readonly Tool[]): Promise<Result[]> {
  const names = new Set(job.clips[0]?.tools);
  const declared = tools.filter((tool) => names.has(tool.name));
  const conversation = await engine.open({ tools: declared });
  const results: Result[] = [];
  try {
    for (const clip of job.clips) {
      const key = keyOf(clip, job.budget);
      results.push(await turn(engine, conversation, clip, clips, job).catch((error: unknown) => failed(key, error)));
    }
  } finally {
    await conversation.close();
  }
  return results;
}

function failed(key: string, error: unknown): Result {
  return { key, semantic: "", acoustic: "", answer: "", thinkTokens: 0, problem: String(error) };
}

async function turn(engine: Engine, conversation: Conversation, clip: Clip, clips: Clips, { budget }: Job): Promise<Result> {
  const heard = clip.samples === 0 ? await read(conversation, clip.text) : await listen(engine, conversation, clips.audio(clip));
  const request: GenerateRequest = {
    mode: budget === 0 ? "direct" : "think",
    maxThinkTokens: budget === "full" ? FULL_THINK_TOKENS : budget,
    maxAnswerTokens: MAX_ANSWER_TOKENS,
  };
  const answered = { ...heard, ...(await generated(conversation, request)) };
  if (clip.result === null || answered.toolCall === undefined) return { key: keyOf(clip, budget), ...answered };
  await conversation.append({ type: "text", role: "tool", text: clip.result });
  const { answer } = await generated(conversation, request);
  return { key: keyOf(clip, budget), ...answered, afterTool: answer };
}

async function read(conversation: Conversation, text: string): Promise<object> {
  await conversation.append({ type: "text", role: "user", text });
  return {};
}

/** The last block is filled up with silence first, as `generate` would: so the live transcript has all the audio. */
async function listen(engine: Engine, conversation: Conversation, samples: Float32Array): Promise<Pick<Result, "live" | "endOfTurn">> {
  const block = (engine.info.chunkMs * SAMPLE_RATE_HZ) / 1_000;
  const padded = new Float32Array(Math.ceil(samples.length / block) * block);
  padded.set(samples);
  const pieces = Array.from({ length: Math.ceil(padded.length / PIECE) }, (_, i) => padded.subarray(i * PIECE, (i + 1) * PIECE));
  const taken = await Promise.all(pieces.map((piece) => conversation.append({ type: "audio", samples: piece })));
  const last = taken.at(-1);
  return {
    ...(last?.transcript !== undefined && { live: last.transcript.stable + last.transcript.tail }),
    ...(last?.endOfTurn !== undefined && { endOfTurn: last.endOfTurn }),
  };
}

async function generated(conversation: Conversation, request: GenerateRequest): Promise<Omit<Result, "key">> {
  const said = { semantic: "", acoustic: "", answer: "" };
  const more: { confidence?: number; toolCall?: { name: string; arguments: string }; problem?: string } = {};
  let thinkTokens = 0;
  for await (const event of conversation.generate(request, new AbortController().signal)) {
    if (event.type === "delta") said[event.channel] += event.text;
    else if (event.type === "transcript" && event.confidence !== undefined) more.confidence = event.confidence;
    else if (event.type === "tool_call") more.toolCall = { name: event.name, arguments: event.arguments };
    else if (event.type === "end") {
      thinkTokens = event.usage.thinkTokens;
      if (event.reason !== "stop") more.problem = event.reason;
    }
  }
  return { ...said, thinkTokens, ...more };
}
