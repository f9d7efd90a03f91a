/**
 * What a turn costs on a vLLM server that runs already, through the engine that the gateway uses. Endpoint → first token, when the speaker pauses as people
 * do at the end of a turn (*warmed*) and when the key is let go in the middle of a word (*mid-word*). Peers: *cold*, the same history and speech in one
 * request, sent at the endpoint by a client that does nothing before, to a server that has seen neither; and one decode step, below which no server can answer.
 * Then several people at once, at the pace of speech; and with a model that thinks, what answering ahead of the thought wins (vllm-ahead.mjs). The audio is
 * synthetic: what it says changes no timing.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { openVllmEngine } from "@aloud/engine/vllm";
import { addAudio, NO_AUDIO, wholeParts } from "../../engine/dist/vllm/audio-parts.js";
import { toMessages } from "../../engine/dist/vllm/messages.js";
import { profileFor } from "../../engine/dist/vllm/profiles.js";
import { prefillOf } from "../../engine/dist/vllm/progress.js";
import { VllmServer } from "../../engine/dist/vllm/server.js";
import { median, ms, percentile, ratio } from "./table.mjs";
import { aheadTable, measureAhead } from "./vllm-ahead.mjs";
import { hear, PAUSE, RATE_HZ, speechOf, WINDOW } from "./vllm-speech.mjs";

export const VLLM_OPTIONS = {
  url: { type: "string", multiple: true },
  model: { type: "string" },
  speech: { type: "string", default: "2,10,30" },
  history: { type: "string", default: "0,4000,16000" },
  sessions: { type: "string", default: "1,2,4,8,16,32" },
  /** Tokens of a thought after which the answer begins; 0 is off. */
  ahead: { type: "string", default: "0,8,32,80" },
  /** At most so many tokens are thought there. */
  think: { type: "string", default: "512" },
  repeats: { type: "string", default: "5" },
};

/** A stock client's parts: as long as encoders take at once. */
const LONG_PART = 28 * RATE_HZ;
const DECODED_TOKENS = 64;
const TURN_TOKENS = 24;
/** What people who talk at once say, and what they have said before. */
const SHARED = { speech: 10, history: 1_000 };
const NEVER = new AbortController().signal;

const numbers = (text) => text.split(",").filter(Boolean).map(Number);

/** @returns {Promise<{ title: string, rows: readonly Record<string, string>[], raw: unknown }[]>} */
export async function run(options) {
  if (options.url === undefined) throw new Error("which server? npm run bench -- vllm --url http://gpu:8000");
  const repeats = Number(options.repeats);
  const taps = tapFetch();
  const engine = openVllmEngine({
    urls: options.url,
    temperature: 0,
    cacheSalt: randomUUID(),
    maxConversations: 64,
    onPrompt: taps.report,
    ...(options.model !== undefined && { model: options.model }),
  });
  try {
    await (await engine.open({})).close();
    const bench = { engine, taps, repeats, server: new VllmServer({ url: options.url[0] }), profile: profileFor(engine.info.model) };
    const turns = [];
    for (const history of numbers(options.history)) {
      const words = await historyOf(bench, history);
      const stepMs = await decodeStep(bench, words);
      for (const speech of numbers(options.speech)) {
        turns.push(await measureTurn(bench, words, speech, { history, stepMs }));
        tell(turnRow(turns.at(-1)));
      }
    }
    const crowds = [];
    for (const count of numbers(options.sessions)) {
      crowds.push(await measureCrowd(bench, count));
      tell(crowdRow(crowds.at(-1)));
    }
    const ahead = bench.profile.thinking === undefined ? [] : numbers(options.ahead);
    const thinking = await measureAhead({ urls: options.url, model: options.model, ahead, thinkTokens: Number(options.think), repeats });
    const where = `${engine.info.model}, median of ${repeats}`;
    return [
      { title: `endpoint → first token of a vLLM server (${where})`, rows: turns.map(turnRow), raw: turns },
      {
        title: `people who talk at once (${SHARED.speech} s each at the pace of speech, ${SHARED.history} tokens of history, ${DECODED_TOKENS} tokens of answer)`,
        rows: crowds.map(crowdRow),
        raw: crowds,
      },
      aheadTable(thinking, engine.info.model, repeats),
    ];
  } finally {
    await engine.close();
    taps.undo();
  }
}

/** As soon as it is known: a run on a lent machine may be cut off. */
function tell(row) {
  const cells = Object.entries(row).map(([name, value]) => `${name}: ${value}`);
  console.error(cells.join(", "));
}

function turnRow({ speech, history, promptTokens, warmed, midWord, cold, stepMs, cached }) {
  const first = median(warmed);
  return {
    history: `${history}`,
    speech: `${speech} s`,
    prompt: `${promptTokens}`,
    cached: `${Math.round(100 * cached)} %`,
    warmed: ms(first),
    "mid-word": ms(median(midWord)),
    cold: ms(median(cold)),
    "cold / warmed": ratio(median(cold), first),
    "decode step": ms(stepMs),
    "warmed / step": ratio(first, stepMs),
  };
}

function crowdRow({ count, firsts, gaps, cached, failures }) {
  return {
    sessions: `${count}`,
    "first token p50": firsts.length === 0 ? "-" : ms(median(firsts)),
    p95: firsts.length === 0 ? "-" : ms(percentile(firsts, 0.95)),
    "between tokens p50": gaps.length === 0 ? "-" : ms(median(gaps)),
    cached: cached.length === 0 ? "-" : `${Math.round(100 * median(cached))} %`,
    answered: `${firsts.length} / ${firsts.length + failures}`,
  };
}

async function measureTurn(bench, words, speech, { history, stepMs }) {
  const warmed = [];
  const midWord = [];
  const cold = [];
  const shares = [];
  let promptTokens = 0;
  // Interleaved, so that a change of the machine's mood meets all alike; the first round only warms up.
  for (let n = 0; n <= bench.repeats; n += 1) {
    const samples = speechOf(speech, n);
    const first = await warmedTurn(bench, words, samples, true);
    const second = await warmedTurn(bench, words, speechOf(speech, n + 100), false);
    const third = await coldTurn(bench, words, samples);
    if (n === 0) continue;
    warmed.push(first.firstMs);
    midWord.push(second.firstMs);
    cold.push(third);
    shares.push(first.cached);
    promptTokens = first.promptTokens;
  }
  return { speech, history, promptTokens, cached: median(shares), warmed, midWord, cold, stepMs };
}

/** The second turn of a conversation: the history is in the cache, as it is while people talk. */
async function warmedTurn({ engine, taps }, words, samples, pauses) {
  const conversation = await engine.open({ items: words(randomUUID()) });
  try {
    await conversation.append({ type: "text", role: "user", text: "hello" });
    await generate(conversation, 1);
    await hear(conversation, samples);
    if (pauses) await conversation.append({ type: "audio", samples: PAUSE });
    const askedAt = performance.now();
    const { times, promptTokens, cached } = await taps.timed(() => generate(conversation, TURN_TOKENS));
    return { firstMs: times[0] - askedAt, promptTokens, cached };
  } finally {
    await conversation.close();
  }
}

/** One request with everything, as a client makes it that waits for the end of the turn. @returns milliseconds to the first token */
async function coldTurn({ server, taps, profile, engine }, words, samples) {
  const parts = wholeParts(addAudio(NO_AUDIO, samples, LONG_PART));
  const askedAt = performance.now();
  const messages = toMessages([...words(randomUUID()), { type: "spoken", parts }]);
  const { times } = await taps.timed(() => read(server.stream(requestOf(engine, profile, messages, TURN_TOKENS), NEVER)));
  return times[0] - askedAt;
}

/** Milliseconds a token, of one stream that has the server to itself: what many tokens take longer than one. */
async function decodeStep({ server, profile, engine, repeats }, words) {
  const messages = toMessages([...words(randomUUID()), { type: "text", role: "user", text: "hello" }]);
  const took = async (tokens) => {
    const startedAt = performance.now();
    await read(server.stream({ ...requestOf(engine, profile, messages, tokens), ignore_eos: true }, NEVER));
    return performance.now() - startedAt;
  };
  await took(DECODED_TOKENS);
  const one = [];
  const many = [];
  for (let n = 0; n < repeats; n += 1) {
    one.push(await took(1));
    many.push(await took(DECODED_TOKENS));
  }
  return (median(many) - median(one)) / (DECODED_TOKENS - 1);
}

function requestOf(engine, profile, messages, maxTokens) {
  const prefill = prefillOf(profile, { thought: "", isThinking: profile.thinking !== undefined, answer: "" });
  return {
    model: engine.info.model,
    messages: prefill === undefined ? messages : [...messages, { role: "assistant", content: prefill }],
    ...(prefill === undefined ? { add_generation_prompt: true } : { add_generation_prompt: false, continue_final_message: true }),
    max_tokens: maxTokens,
    temperature: 0,
    skip_special_tokens: false,
  };
}

async function measureCrowd(bench, count) {
  const words = await historyOf(bench, SHARED.history);
  const results = await Promise.all(Array.from({ length: count }, (_, n) => talk(bench, words, n, (n / count) * 4_000)));
  const done = results.filter((result) => result !== undefined);
  return {
    count,
    firsts: done.map(({ firstMs }) => firstMs),
    gaps: done.flatMap(({ gaps }) => gaps),
    cached: done.map(({ cached }) => cached),
    failures: results.length - done.length,
  };
}

/** Somebody speaks at the pace of speech and is answered. @returns undefined when the server was too busy */
async function talk({ engine, taps }, words, n, delayMs) {
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  let conversation;
  try {
    conversation = await engine.open({ items: words(randomUUID()) });
    await conversation.append({ type: "text", role: "user", text: "hello" });
    await generate(conversation, 1);
    const samples = speechOf(SHARED.speech, 1_000 + n);
    const startedAt = performance.now();
    for (let at = 0; at < samples.length; at += WINDOW) {
      // Speech does not wait for the server; what fails here fails again below.
      conversation.append({ type: "audio", samples: samples.subarray(at, at + WINDOW) }).catch(() => {});
      const wait = startedAt + ((at + WINDOW) / RATE_HZ) * 1_000 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    }
    const askedAt = performance.now();
    await conversation.append({ type: "audio", samples: PAUSE });
    const { times, cached } = await taps.timed(() => generate(conversation, DECODED_TOKENS));
    return { firstMs: times[0] - askedAt, gaps: times.slice(1).map((at, i) => at - times[i]), cached };
  } catch {
    return undefined;
  } finally {
    await conversation?.close();
  }
}

/**
 * Answers at once, to the end that `tokens` sets: an answer that the engine ends itself, as it does thinking beyond its budget, has no report of the cache.
 * Sampled, because weights without training repeat themselves.
 */
function generate(conversation, tokens) {
  const request = { mode: "direct", maxThinkTokens: 0, maxAnswerTokens: tokens, sampling: { temperature: 1, topP: 1 } };
  return read(conversation.generate(request, NEVER));
}

async function read(events) {
  for await (const _ of events);
}

/** @returns a history of about `tokens` tokens that no cache knows, for each id another */
async function historyOf({ server, engine }, tokens) {
  const sentence = "The quick brown fox jumps over the lazy dog, and then it rains for the rest of the day. ";
  const each = Math.max(1, (await server.countTokens(engine.info.model, sentence)) ?? 20);
  const turns = Math.ceil(tokens / each / 8);
  return (id) =>
    Array.from({ length: 2 * Math.ceil(turns / 2) }, (_, n) => ({
      type: "text",
      role: n % 2 === 0 ? "user" : "assistant",
      text: `${n === 0 ? `${id} ` : ""}${sentence.repeat(8)}`,
    }));
}

/**
 * Sees when the body of an answer comes that is asked for within `timed`: the first event is sent with the first token. `run` also gives what the engine
 * reports of its prompt.
 */
function tapFetch() {
  const original = globalThis.fetch;
  const watching = new AsyncLocalStorage();
  globalThis.fetch = async (url, init) => {
    const response = await original(url, init);
    const watch = watching.getStore();
    const isAnswer = String(url).endsWith("/v1/chat/completions") && !/"max_tokens":1[,}]/u.test(init.body);
    if (watch === undefined || watch.isTaken || !isAnswer || response.body === null) return response;
    watch.isTaken = true;
    const body = response.body.pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          watch.times.push(performance.now());
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(body, { status: response.status, headers: response.headers });
  };
  return {
    report(report) {
      Object.assign(watching.getStore() ?? {}, { report });
    },
    /** @returns when each piece of the first answer came, and the prompt that it was asked for with */
    async timed(work) {
      const watch = { times: [], isTaken: false, report: undefined };
      await watching.run(watch, work);
      if (watch.times.length === 0) throw new Error("the server answered nothing");
      const { promptTokens = 0, cachedTokens = 0 } = watch.report ?? {};
      return { times: watch.times, promptTokens, cached: cachedTokens / promptTokens };
    },
    undo() {
      globalThis.fetch = original;
    },
  };
}
