/**
 * What hearing and answering cost. Hearing: CPU time per second of audio, by stage, in this process. Generating: CPU time and wall time per token,
 * on the same model: a bare onnxruntime loop (the peer: nothing but the graph), also over a long conversation's cache, a conversation in this process,
 * and the engine as the gateway uses it, in its child process (wall time only: its CPU is not ours to count).
 */
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { EmbeddedConversation } from "../../engine/dist/embedded/conversation.js";
import { NEW_DICTATION } from "../../engine/dist/embedded/dictation.js";
import { loadModel } from "../../engine/dist/embedded/model.js";
import { NANO_DIR } from "../../engine/dist/embedded/model-directory.js";
import { Scheduler } from "../../engine/dist/embedded/scheduler.js";
import { LogMel } from "../../engine/dist/features/log-mel.js";
import { addBlock, NO_AUDIO } from "../../engine/dist/hearing/heard-audio.js";
import { speech } from "./speech.mjs";
import { median, ms, ratio } from "./table.mjs";

const SECONDS = 10;
const REPEATS = 7;
const TOKENS = 48;
/** Tokens in the cache when generating begins: a first turn, and in the middle of a long conversation. */
const CACHED = { bare: 5, long: 300 };
const REQUEST = { mode: "think", maxThinkTokens: TOKENS, maxAnswerTokens: TOKENS };

export async function run() {
  const model = await loadModel(NANO_DIR, () => {});
  const hearing = { features: [], encoder: [], "live transcript": [] };
  const perToken = { bare: [], long: [], conversation: [], engine: [] };
  const engine = openEmbeddedEngine({ maxConversations: 2 });
  try {
    for (let i = 0; i <= REPEATS; i += 1) {
      const heard = await hear(model);
      const generated = {
        bare: await bareLoop(model, CACHED.bare),
        long: await bareLoop(model, CACHED.long),
        conversation: await through(await inProcess(model)),
        engine: await through(await engine.open({})),
      };
      if (i === 0) continue;
      for (const key of Object.keys(hearing)) hearing[key].push(heard[key]);
      for (const key of Object.keys(perToken)) perToken[key].push(generated[key]);
    }
  } finally {
    await engine.close();
    await model.release();
  }
  const total = Object.values(hearing).reduce((sum, values) => sum + median(values), 0);
  const rows = [
    ...Object.entries(hearing).map(([stage, values]) => ({
      what: `hearing: ${stage}`,
      median: `${ms(median(values))} CPU / s of audio`,
      "per second": "",
      ratio: ratio(median(values), total),
    })),
    {
      what: "hearing: all",
      median: `${ms(total)} CPU / s of audio`,
      "per second": `real-time factor ${(total / 1000).toFixed(3)}`,
      ratio: "1.00 ×",
    },
    ...Object.entries({
      bare: `generating: bare onnxruntime loop, ${CACHED.bare} tokens cached`,
      long: `generating: bare onnxruntime loop, ${CACHED.long} tokens cached`,
      conversation: "generating: conversation, in process",
      engine: "generating: engine, child process",
    }).map(([key, what]) => {
      const wall = median(perToken[key].map(({ wallMs }) => wallMs));
      const cpus = perToken[key].flatMap(({ cpuMs }) => cpuMs ?? []);
      const bare = perToken.bare.map(({ cpuMs }) => cpuMs);
      return {
        what,
        median: cpus.length === 0 ? "" : `${ms(median(cpus))} CPU / token`,
        "per second": `${ms(wall)} wall, ${Math.round(1000 / wall)} tokens`,
        ratio: cpus.length === 0 ? "" : ratio(median(cpus.map((value, round) => value / bare[round])), 1),
      };
    }),
  ];
  return { title: `hearing and generating (median of ${REPEATS}, ${model.config.name}, one thread)`, rows, raw: { hearing, perToken } };
}

/** CPU milliseconds of `work`. */
async function cpu(work) {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { value, cpuMs: (user + system) / 1000 };
}

async function hear({ config, ear, scribe }) {
  const samples = speech(SECONDS);
  const mel = new LogMel(config.logMel);
  const features = await cpu(async () => mel.push(samples, mel.initial()));
  const blocks = [];
  const both = await cpu(async () => {
    let state = ear.initial();
    for (let at = 0; at + ear.blockSamples <= samples.length; at += ear.blockSamples) {
      const block = await ear.hear(samples.slice(at, at + ear.blockSamples), state);
      blocks.push(block);
      state = block.state;
    }
  });
  let dictation = NEW_DICTATION;
  const writing = await cpu(async () => {
    for (const heard of blocks) {
      const context = { silence: () => ear.silenceAfter(heard.state), isBusy: false, step: (work) => work() };
      dictation = await scribe.listen(dictation, heard, context);
    }
  });
  return {
    features: features.cpuMs / SECONDS,
    encoder: (both.cpuMs - features.cpuMs) / SECONDS,
    "live transcript": writing.cpuMs / SECONDS,
  };
}

/** The decoder graph alone, over a cache of so many tokens and two seconds of audio. @returns milliseconds per token */
async function bareLoop({ decoder, ear, config }, cached) {
  const { audio: block } = await ear.hear(new Float32Array(ear.blockSamples), ear.initial());
  let audio = NO_AUDIO;
  for (let i = 0; i < 4; i += 1) audio = addBlock(audio, block, config.maxCrossFrames);
  let cache = await decoder.prefill(new Array(cached).fill(1), decoder.empty(), audio);
  const startedAt = performance.now();
  const { cpuMs } = await cpu(async () => {
    for (let i = 0; i < TOKENS; i += 1) ({ cache } = await decoder.step([1], cache, audio));
  });
  return { cpuMs: cpuMs / TOKENS, wallMs: (performance.now() - startedAt) / TOKENS };
}

async function inProcess(model) {
  const conversation = new EmbeddedConversation(model, new Scheduler(), () => {});
  await conversation.begin({});
  return conversation;
}

/** A real answer, from the first token on. @returns milliseconds per token; CPU time only of this process's own work */
async function through(conversation) {
  await conversation.append({ type: "audio", samples: speech(2) });
  let first;
  let usage;
  for await (const event of conversation.generate(REQUEST, new AbortController().signal)) {
    first ??= { at: performance.now(), cpu: process.cpuUsage() };
    if (event.type === "end") usage = event.usage;
  }
  const tokens = Math.max(1, usage.thinkTokens + usage.answerTokens - 1);
  const wallMs = (performance.now() - first.at) / tokens;
  const { user, system } = process.cpuUsage(first.cpu);
  await conversation.close();
  return conversation instanceof EmbeddedConversation ? { wallMs, cpuMs: (user + system) / 1000 / tokens } : { wallMs };
}
