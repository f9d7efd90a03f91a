/**
 * A vLLM server without a model: its HTTP and SSE as vLLM 0.32 was seen to speak them (tests/vllm/recorded.json; recorded.test.ts holds the two
 * together), prefix cache, cache salt and the one-time failure after an early abort included.
 */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Prompt, pieces, Refused, type Request, readPrompt, refuse } from "./prompt.ts";
import { type MakeScript, type Output, ownScript, remaining } from "./script.ts";

export interface FakeOptions {
  readonly model?: string;
  readonly contextTokens?: number;
  readonly blockTokens?: number;
  /** As with `--reasoning-parser qwen3`: the server sorts. */
  readonly hasParser?: boolean;
  /** As with `--enable-auto-tool-choice`. */
  readonly takesTools?: boolean;
  /** `</think>` as one token or as two. */
  readonly think?: "one" | "text";
  readonly maxAudios?: number;
  /** Puts every second and third token into one event, as a server does that is behind. */
  readonly isBehind?: boolean;
  readonly apiKey?: string;
  /** How long a new audio part takes before the response's headers go out. Default: one turn of the event loop. */
  readonly preprocess?: () => Promise<void>;
  /** Waited for before every token of a request. Default: one turn of the event loop. */
  readonly pace?: (request: Request) => Promise<void>;
  readonly script?: MakeScript;
  readonly port?: number;
}

export interface FakeVllm {
  readonly url: string;
  /** Bodies of chat completions, as they came. */
  readonly requests: Request[];
  /** What is running now. */
  readonly running: number;
  /** Resolves when the server has noticed that somebody closed a connection before the headers; at once if it has. */
  hungUp(): Promise<void>;
  /** From now on everything is refused as by a server whose queue is full, or no longer. */
  setBusy(isBusy: boolean): void;
  /** From now on connections are taken and nothing is answered or goes on, as when the process hangs; or no longer. */
  setHung(isHung: boolean): void;
  /** As when the engine's process has died and the one that takes requests has not noticed more than that: `/health` says 503. */
  setUnwell(isUnwell: boolean): void;
  /** What `/metrics` says besides what is so: figures of another gateway's requests, or any text at all. */
  setMetrics(metrics: { readonly waiting?: number; readonly cacheUsage?: number } | string): void;
  /** Every connection breaks; the server goes on. */
  breakConnections(): void;
  /** As when the process is killed: every connection breaks and none is taken. */
  kill(): Promise<void>;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const INTERNAL = { message: "Internal server error", type: "InternalServerError", param: null, code: 500 };
const FINGERPRINT = "vllm-0.32.0-974a57ed";

export async function startFakeVllm(options: FakeOptions = {}): Promise<FakeVllm> {
  const { model = "tiny-audio", contextTokens = 4_096, blockTokens = 32, hasParser = true, takesTools = true, think = "one" } = options;
  const { isBehind = false, maxAudios = 64, preprocess = turn, pace = turn, script = ownScript } = options;
  const close = think === "one" ? ["</think>"] : ["</think", ">"];
  const requests: Request[] = [];
  const blocks = new Set<string>();
  /** Audio whose features the engine has, and audio of which only the API process believes so. */
  const heard = new Set<string>();
  const drifted = new Set<string>();
  let running = 0;
  let noticed = () => {};
  const hungUp = new Promise<void>((resolve) => {
    noticed = resolve;
  });
  let isBusy = false;
  let isUnwell = false;
  let metrics: Parameters<FakeVllm["setMetrics"]>[0] = {};
  let release = () => {};
  let hanging: Promise<void> | undefined;

  /** How much of the prompt is in the cache; the rest is, from now on. */
  function look({ tokens }: Prompt, salt: string | undefined): { cached: number; created: number } {
    let hash = salt ?? "";
    let cached = 0;
    let created = 0;
    let isPrefix = true;
    for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
      hash = createHash("sha1")
        .update(`${hash}\u0000${tokens.slice(end - blockTokens, end).join("\u0000")}`)
        .digest("hex");
      // At least one token is always computed.
      if (isPrefix && blocks.has(hash) && end <= tokens.length - 1) cached = end;
      else {
        isPrefix = false;
        if (!blocks.has(hash)) created += blockTokens;
      }
      blocks.add(hash);
    }
    return { cached, created };
  }

  async function complete(request: Request, response: ServerResponse): Promise<void> {
    if (request.model !== undefined && request.model !== model) {
      refuse(404, `The model \`${request.model}\` does not exist. Valid aliases: ${model}.`, "NotFoundError", "model");
    }
    const maxTokens = request.max_tokens ?? contextTokens;
    if (maxTokens < 1)
      refuse(
        400,
        `max_tokens must be at least 1, got ${maxTokens}. (parameter=max_tokens, value=${maxTokens})`,
        "BadRequestError",
        "max_tokens",
      );
    if ((request.stream_options ?? undefined) !== undefined && request.stream !== true) {
      refuse(400, "Stream options can only be defined when `stream=True`. (parameter=stream_options)", "BadRequestError", "stream_options");
    }
    if (request.add_generation_prompt !== false && request.continue_final_message === true) {
      refuse(
        400,
        "continue_final_message and add_generation_prompt are not compatible. Use continue_final_message when you want the model to continue the final message, and add_generation_prompt when you want to add a header that will prompt it to start a new assistant message instead.",
      );
    }
    if (request.tools !== undefined && !takesTools) {
      refuse(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set');
    }
    if (isBusy) {
      refuse(
        503,
        "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.",
        "Service Unavailable",
      );
    }
    const prompt = readPrompt(request, maxAudios);
    if (prompt.tokens.length > contextTokens && prompt.audio.length === 0) {
      const count = contextTokens + 1;
      refuse(
        400,
        `This model's maximum context length is ${contextTokens} tokens. However, your prompt contains at least ${count} input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=${count})`,
        "BadRequestError",
        "input_tokens",
      );
    }
    const fresh = prompt.audio.filter((hash) => !heard.has(hash) && !drifted.has(hash));
    response.once("close", () => {
      if (!response.headersSent) noticed();
    });
    const isDrifted = prompt.audio.some((hash) => drifted.has(hash));
    for (const _part of fresh) await preprocess();
    if (response.closed) {
      for (const hash of fresh) drifted.add(hash);
      return;
    }
    if (prompt.tokens.length > contextTokens) {
      for (const hash of fresh) drifted.add(hash);
      refuse(400, `Input length (${prompt.tokens.length}) exceeds model's maximum context length (${contextTokens}).`);
    }
    for (const hash of prompt.audio) {
      drifted.delete(hash);
      if (isDrifted) heard.delete(hash);
      else heard.add(hash);
    }
    if (isDrifted && request.stream !== true) throw new Refused(500, { error: INTERNAL });
    await answer(request, prompt, maxTokens, isDrifted, response);
  }

  async function answer(request: Request, prompt: Prompt, maxTokens: number, isDrifted: boolean, response: ServerResponse): Promise<void> {
    const id = `chatcmpl-${randomBytes(8).toString("hex")}`;
    const base = { id, object: "chat.completion.chunk", created: Math.floor(Date.now() / 1_000), model };
    const isStream = request.stream === true;
    const isContinuous = request.stream_options?.continuous_usage_stats === true;
    const send = (event: unknown) => {
      response.write(`data: ${JSON.stringify(event)}\n\n`);
    };
    if (isStream) {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      response.flushHeaders();
    }
    const { cached, created } = isDrifted ? { cached: 0, created: 0 } : look(prompt, request.cache_salt);
    let completion = 0;
    let reasoned = 0;
    const usage = (isWhole: boolean) => ({
      prompt_tokens: prompt.tokens.length,
      total_tokens: prompt.tokens.length + completion,
      completion_tokens: completion,
      ...(isWhole && {
        prompt_tokens_details: {
          cached_tokens: cached,
          created_cache_tokens: created,
          multimodal_tokens: prompt.audio.length === 0 ? null : { audio: prompt.audioTokens },
        },
      }),
      ...(hasParser ? { completion_tokens_details: { reasoning_tokens: reasoned } } : isStream ? {} : { completion_tokens_details: null }),
    });
    const chunk = (delta: unknown, finish: string | null, more: Record<string, unknown>) => ({
      ...base,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish, ...more }],
      ...(isContinuous && { usage: usage(false) }),
    });
    // Without a usage event, the last choice says what a usage event would.
    const hasUsage = request.stream_options?.include_usage === true;
    const sendLast = (isLast: boolean, event: Record<string, unknown>) =>
      send(isLast && !hasUsage ? { ...event, system_fingerprint: FINGERPRINT } : event);
    if (isStream) {
      send({ ...chunk({ role: "assistant", content: "" }, null, {}), prompt_token_ids: null, prompt_text: null });
      if (isDrifted) {
        // This one event is written by Python's json, with spaces.
        response.end(`data: ${JSON.stringify({ error: INTERNAL }).replace(/":/gu, '": ').replace(/,"/gu, ', "')}\n\ndata: [DONE]\n\n`);
        return;
      }
    }
    const outputs = remaining({ ...script(prompt, request), close }, prompt.prefill);
    // A parser does not see that the prompt has closed the thought (only with `</think>` in two tokens).
    const missorts = hasParser && think === "text" && prompt.prefill.includes("</think>");
    let reasoning = "";
    let content = "";
    let finish: "stop" | "length" | "tool_calls" | undefined;
    const isWarming = request.add_generation_prompt === false && request.continue_final_message !== true;
    let carried = "";
    for (const [n, token] of outputs.entries()) {
      await pace(request);
      await hanging;
      if (response.closed) return;
      completion += 1;
      const isCarried = isBehind && n % 3 === 1 && completion < maxTokens && token.type === outputs[n + 1]?.type && "text" in token;
      if (isCarried) {
        carried = token.text;
        continue;
      }
      const output = "text" in token ? { ...token, text: carried + token.text } : token;
      carried = "";
      if (output.type === "call") finish = "tool_calls";
      const isLast = completion >= maxTokens && n < outputs.length;
      const delta = deltaOf(output, hasParser, missorts);
      if ("reasoning" in delta || (hasParser && output.type === "close")) reasoned += output.type === "close" ? 0 : 1;
      reasoning += "reasoning" in delta ? String(delta.reasoning) : "";
      content += "content" in delta ? String(delta.content) : "";
      if (isStream && Object.keys(delta).length > 0)
        sendLast(isLast, chunk(delta, isLast ? "length" : null, { ...(isLast && { stop_reason: null }), token_ids: null }));
      if (isLast) {
        finish = "length";
        if (isStream && Object.keys(delta).length === 0) sendLast(true, chunk({}, "length", { stop_reason: null, token_ids: null }));
        break;
      }
    }
    if (finish !== "length") {
      await pace(request);
      completion += 1;
      finish ??= "stop";
      if (isStream) sendLast(true, chunk(hasParser ? {} : { content: "" }, finish, { stop_reason: null, token_ids: null }));
    }
    if (isStream) {
      if (request.stream_options?.include_usage === true)
        send({ ...base, choices: [], usage: usage(true), system_fingerprint: FINGERPRINT });
      response.end("data: [DONE]\n\n");
      return;
    }
    const message = {
      role: isWarming ? "user" : "assistant",
      content: content === "" ? null : content,
      refusal: null,
      annotations: null,
      audio: null,
      function_call: null,
      reasoning: reasoning === "" ? null : reasoning,
    };
    json(response, 200, {
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message, logprobs: null, finish_reason: finish, stop_reason: null, token_ids: null, routed_experts: null }],
      service_tier: null,
      system_fingerprint: FINGERPRINT,
      usage: usage(true),
      prompt_logprobs: null,
      prompt_token_ids: null,
      prompt_text: null,
      kv_transfer_params: null,
      ec_transfer_params: null,
      metrics: null,
    });
  }

  async function route(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url } = message;
    let text = "";
    for await (const data of message) text += data;
    await hanging;
    if (options.apiKey !== undefined && url?.startsWith("/v1/") && message.headers.authorization !== `Bearer ${options.apiKey}`) {
      throw new Refused(401, { error: "Unauthorized" });
    }
    switch (url) {
      case "/v1/chat/completions": {
        if (method !== "POST") throw new Refused(405, { detail: "Method Not Allowed" });
        let request: Request;
        try {
          request = JSON.parse(text);
        } catch {
          refuse(400, "1 validation error:\n  {'type': 'json_invalid', 'loc': 'body', 'msg': 'JSON decode error'}", "Bad Request", "body");
        }
        requests.push(request);
        running += 1;
        try {
          return await complete(request, response);
        } finally {
          running -= 1;
        }
      }
      case "/tokenize": {
        const request = JSON.parse(text);
        const tokens = request.prompt === undefined ? readPrompt(request, maxAudios).tokens : pieces(request.prompt);
        return json(response, 200, {
          count: tokens.length,
          max_model_len: contextTokens,
          tokens: tokens.map((_, n) => n),
          token_strs: null,
        });
      }
      case "/v1/models":
        return json(response, 200, {
          object: "list",
          data: [
            {
              id: model,
              object: "model",
              created: 0,
              owned_by: "vllm",
              root: model,
              parent: null,
              max_model_len: contextTokens,
              permission: [],
            },
          ],
        });
      case "/version":
        return json(response, 200, { version: "0.32.0" });
      case "/health":
        response.writeHead(isUnwell ? 503 : 200).end();
        return;
      case "/metrics":
        response.writeHead(200, { "content-type": "text/plain; version=1.0.0; charset=utf-8" });
        response.end(typeof metrics === "string" ? metrics : metricsOf({ model, running, waiting: 0, cacheUsage: 0, ...metrics }));
        return;
      default:
        throw new Refused(404, { detail: "Not Found" });
    }
  }

  const server = createServer((message, response) => {
    route(message, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else if (error instanceof Refused) json(response, error.status, error.body);
      else json(response, 500, { error: INTERNAL });
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get running() {
      return running;
    },
    hungUp: () => hungUp,
    setBusy(busy) {
      isBusy = busy;
    },
    setHung(isHung) {
      release();
      hanging = isHung ? new Promise((resolve) => (release = resolve)) : undefined;
    },
    setUnwell(unwell) {
      isUnwell = unwell;
    },
    setMetrics(next) {
      metrics = next;
    },
    breakConnections: () => server.closeAllConnections(),
    kill: () =>
      new Promise((resolve) => {
        release();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function metricsOf({ model, running, waiting, cacheUsage }: { model: string; running: number; waiting: number; cacheUsage: number }) {
  const gauge = (name: string, help: string, value: number) => [
    `# HELP vllm:${name} ${help}`,
    `# TYPE vllm:${name} gauge`,
    `vllm:${name}{engine="0",model_name="${model}"} ${value.toFixed(1 + 3 * Number(value % 1 !== 0))}`,
  ];
  return [
    ...gauge("num_requests_running", "Number of requests in model execution batches.", running),
    ...gauge("num_requests_waiting", "Number of requests waiting to be processed.", waiting),
    `vllm:num_requests_waiting_by_reason{engine="0",model_name="${model}",reason="capacity"} ${waiting.toFixed(1)}`,
    ...gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", cacheUsage),
    "",
  ].join("\n");
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function deltaOf(output: Output, hasParser: boolean, missorts: boolean): Record<string, unknown> {
  switch (output.type) {
    case "thought":
      return hasParser ? { reasoning: output.text } : { content: output.text };
    case "close":
      return hasParser ? {} : { content: output.text };
    case "answer":
      return missorts ? { reasoning: output.text } : { content: output.text };
    case "call":
      return { tool_calls: [{ id: "chatcmpl-tool-0", type: "function", index: 0, function: { name: output.name, arguments: "" } }] };
    case "arguments":
      return { tool_calls: [{ index: 0, function: { arguments: output.text } }] };
  }
}
