/**
 * One vLLM server over HTTP. What this file is careful about was seen with vLLM 0.32 (docs/decisions/2026-11-25-vllm.md):
 * - a request that is closed while its audio is pre-processed makes the next one with that audio fail once, with a 500 or an error event. So no request is
 *   closed before its response headers: whoever aborts goes on at once, and the connection is closed as soon as they have come;
 * - such an error, before the first token, is tried again once, at once, with all data (which every request has anyway). So is a connection that breaks: the server
 *   may just have closed one that was idle.
 */
import { AloudError, isRecord } from "@aloud/client/protocol";
import { createParser } from "eventsource-parser";
import { parse, readError, readPiece, type StreamPiece } from "./reading.ts";

export interface ServerAddress {
  /** Such as `http://127.0.0.1:8000`; a path before `/v1` is kept. */
  readonly url: string;
  /** What clients are told that it is, such as `vLLM server 2 of 3`. Its address is not for them. */
  readonly name: string;
  readonly apiKey?: string;
}

/** A server that has not sent headers by then is taken for hung. Pre-processing of a long turn takes under a second; queues may be long. */
const MAX_HEADERS_MS = 120_000;
const MAX_SMALL_REQUEST_MS = 20_000;
/** What is read of `/metrics`, in bytes; vLLM's own are a tenth of it. */
const MAX_METRICS_BYTES = 1_000_000;
/** Nobody listens there, so nothing of a request was read. A name that is not found, or a connection that takes too long, may be chance. */
const NOBODY = /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)$/u;

type Piece = Extract<StreamPiece, { type: "piece" }>;

/** What the server refused, or that it is not there, or (`cut`) that it failed in the middle of an answer. `kind` says what may help. */
export class ServerRefusal extends Error {
  readonly kind: "drift" | "context" | "tools" | "busy" | "gone" | "cut" | "other";
  readonly status: number;
  /** The request did not reach a server, so it can have done no harm there. */
  readonly isUnheard: boolean;

  constructor(kind: ServerRefusal["kind"], status: number, message: string, isUnheard = false) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.isUnheard = isUnheard;
  }

  /** The connection could not be made, or broke. */
  static gone(error: unknown): ServerRefusal {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = isRecord(cause) && typeof cause.code === "string" ? cause.code : "";
    return new ServerRefusal("gone", 0, `${String(error)} ${code}`, NOBODY.test(code));
  }

  /** @param name of the server */
  toAloudError(name: string): AloudError {
    const code =
      this.kind === "busy" ? "engine_busy" : this.kind === "gone" || this.kind === "cut" ? "engine_unavailable" : "engine_failed";
    const what = this.kind === "context" ? "context_length_exceeded" : code;
    // The server's message may quote what was said, so only its status is passed on.
    return new AloudError(what, `${name} answered ${this.status === 0 ? "nothing" : `with status ${this.status}`}`, {
      cause: this,
    });
  }
}

function refusalOf(status: number, message: string): ServerRefusal {
  const kind =
    status >= 500 && status !== 503
      ? "drift"
      : status === 503 || status === 429
        ? "busy"
        : /maximum context length|max_model_len/u.test(message)
          ? "context"
          : /tool choice requires/u.test(message)
            ? "tools"
            : /Cache miss for/u.test(message)
              ? "drift"
              : "other";
  return new ServerRefusal(kind, status, message);
}

export class VllmServer {
  readonly url: string;
  readonly name: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ url, name, apiKey }: ServerAddress) {
    this.name = name;
    this.url = url.replace(/\/+$/u, "").replace(/\/v1$/u, "");
    this.#headers = { "content-type": "application/json", ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) };
  }

  /**
   * Streams a chat completion. Ends early when `signal` fires.
   * @param retry whether an error before the first piece is tried again once
   * @throws ServerRefusal
   */
  async *stream(
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): AsyncGenerator<Piece> {
    const text = JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } });
    for (let attempt = 0; ; attempt += 1) {
      let began = false;
      try {
        for await (const piece of this.#attempt(text, signal, headers)) {
          // The first event has only the role, also when the next is an error.
          if (piece.reasoning !== "" || piece.content !== "" || piece.calls.length > 0 || piece.finish !== undefined) began = true;
          yield piece;
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        const isWorthAnother = error instanceof ServerRefusal && (error.kind === "drift" || error.kind === "gone") && !error.isUnheard;
        if (began || attempt > 0 || !isWorthAnother) throw error;
      }
    }
  }

  async *#attempt(body: string, signal: AbortSignal, headers: Readonly<Record<string, string>>): AsyncGenerator<Piece> {
    const response = await this.#headersOf(body, signal, headers);
    if (response === undefined) return;
    if (!response.ok || response.body === null) {
      const { status, message } = readError(parse(await response.text()), response.status);
      throw refusalOf(status, message);
    }
    const reader = response.body.getReader();
    const stop = () => void reader.cancel().catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      const decoder = new TextDecoder();
      const events: string[] = [];
      const parser = createParser({ onEvent: ({ data }) => events.push(data) });
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          throw ServerRefusal.gone(error);
        });
        if (done) break;
        parser.feed(decoder.decode(value, { stream: true }));
        for (const data of events.splice(0)) {
          if (signal.aborted || data === "[DONE]") return;
          const piece = readPiece(data);
          if (piece?.type === "error") throw refusalOf(piece.status, piece.message);
          if (piece !== undefined) yield piece;
        }
      }
      if (!signal.aborted) throw new ServerRefusal("gone", 0, "the stream ended without [DONE]");
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  /** @returns undefined when `signal` fires first; the connection is then closed when the headers have come */
  async #headersOf(body: string, signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<Response | undefined> {
    if (signal.aborted) return undefined;
    const hung = new AbortController();
    const timer = setTimeout(() => hung.abort(), MAX_HEADERS_MS);
    const sent = fetch(`${this.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...this.#headers, ...headers },
      body,
      signal: hung.signal,
    }).finally(() => clearTimeout(timer));
    let onAbort = () => {};
    const aborted = new Promise<undefined>((resolve) => {
      onAbort = () => resolve(undefined);
      signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      const first = await Promise.race([sent, aborted]);
      if (first === undefined) sent.then((late) => late.body?.cancel()).catch(() => undefined);
      return first;
    } catch (error) {
      throw ServerRefusal.gone(error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Name and context of what is served. @throws ServerRefusal */
  async models(signal?: AbortSignal): Promise<readonly { readonly id: string; readonly contextTokens: number | undefined }[]> {
    const body = await this.#small("GET", "/v1/models", { signal });
    const data = isRecord(body) && Array.isArray(body.data) ? body.data : [];
    return data.flatMap((model) =>
      isRecord(model) && typeof model.id === "string"
        ? [{ id: model.id, contextTokens: typeof model.max_model_len === "number" ? model.max_model_len : undefined }]
        : [],
    );
  }

  /** @returns undefined where the server does not say */
  async countTokens(model: string, text: string, signal?: AbortSignal): Promise<number | undefined> {
    try {
      const body = await this.#small("POST", "/tokenize", { signal, json: { model, prompt: text, add_special_tokens: false } });
      return isRecord(body) && typeof body.count === "number" ? body.count : undefined;
    } catch (error) {
      if (error instanceof ServerRefusal && error.kind === "gone") throw error;
      return undefined;
    }
  }

  /**
   * Has it make one token: a server whose engine hangs still says that it is well.
   * @returns whether it was started with a parser for tool calls; without one it refuses tools
   * @throws ServerRefusal
   */
  async probe(model: string, signal?: AbortSignal): Promise<{ readonly takesTools: boolean }> {
    const tool = { type: "function", function: { name: "probe", parameters: { type: "object", properties: {} } } };
    const json = { model, messages: [{ role: "user", content: "hello" }], max_tokens: 1 };
    try {
      await this.#small("POST", "/v1/chat/completions", { signal, json: { ...json, tools: [tool] } });
      return { takesTools: true };
    } catch (error) {
      if (!(error instanceof ServerRefusal) || error.status !== 400) throw error;
    }
    await this.#small("POST", "/v1/chat/completions", { signal, json });
    return { takesTools: false };
  }

  /** Resolves when the server says that it is well, or does not know the question. @throws ServerRefusal */
  async health(signal: AbortSignal): Promise<void> {
    const response = await this.#get("/health", signal);
    await response.body?.cancel();
    if (response.status >= 500) throw new ServerRefusal("gone", response.status, "unwell");
  }

  /** The text of `/metrics`, cut at a bound; undefined where there is none. */
  async metrics(signal: AbortSignal): Promise<string | undefined> {
    try {
      const response = await this.#get("/metrics", signal);
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        return undefined;
      }
      const decoder = new TextDecoder();
      let text = "";
      let bytes = 0;
      // Leaving the loop closes the connection.
      for await (const data of response.body) {
        bytes += data.length;
        text += decoder.decode(data, { stream: true });
        if (bytes >= MAX_METRICS_BYTES) break;
      }
      return text;
    } catch {
      return undefined;
    }
  }

  async #get(path: string, signal: AbortSignal): Promise<Response> {
    return fetch(`${this.url}${path}`, { headers: this.#headers, redirect: "manual", signal }).catch((error: unknown) => {
      throw ServerRefusal.gone(error);
    });
  }

  async #small(method: string, path: string, { json, signal }: { json?: unknown; signal?: AbortSignal | undefined }): Promise<unknown> {
    const late = AbortSignal.timeout(MAX_SMALL_REQUEST_MS);
    const gone = (error: unknown) => {
      throw ServerRefusal.gone(error);
    };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: this.#headers,
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
      ...(json !== undefined && { body: JSON.stringify(json) }),
    }).catch(gone);
    const answer = parse(await response.text().catch(gone));
    if (response.ok) return answer;
    const { status, message } = readError(answer, response.status);
    throw refusalOf(status, message);
  }
}
