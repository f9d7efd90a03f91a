/** The servers that serve one model, as one: what they offer together, and which of them a conversation lives on. */
import { AloudError } from "@aloud/client/protocol";
import { VllmServer } from "../server.ts";
import type { CircuitLimits } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import { better, place } from "./placement.ts";
import { Replica, type Served } from "./replica.ts";

/** Until the server says otherwise. */
export const ASSUMED_CONTEXT_TOKENS = 16_384;
/** Failures in a row after which a server is left alone: while others are there, and when it is the last. */
const FAILURES = 3;
const FAILURES_OF_LAST = 10;
/** In units of the first wait. */
const MAX_BACKOFF = 10;
/** A server that stays so long has its earlier falls forgotten. */
const WELL_MS = 120_000;

export interface ReplicasOptions {
  readonly urls: readonly string[];
  readonly apiKey: string | undefined;
  /** The served name. Undefined: the first name of the first server that answers. */
  readonly model: string | undefined;
  /** Before a server that is not there is looked for again; grows tenfold at most. */
  readonly retryMs: number;
  readonly clock: Clock;
  /** A server's status is another one. */
  readonly changed: () => void;
}

export class Replicas {
  readonly all: readonly Replica[];
  readonly #options: ReplicasOptions;
  #promised: Served | undefined;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    const { clock, apiKey, urls } = options;
    const owner = {
      clock,
      limits: () => this.#limits(),
      look: (server: VllmServer, signal: AbortSignal) => this.#look(server, signal),
      changed: options.changed,
    };
    const all: Replica[] = [];
    this.all = all;
    for (const [n, url] of urls.entries()) {
      const name = urls.length > 1 ? `vLLM server ${n + 1} of ${urls.length}` : "the vLLM server";
      all.push(new Replica(`vllm:${n}`, new VllmServer({ url, name, ...(apiKey !== undefined && { apiKey }) }), owner));
    }
  }

  get isAnyThere(): boolean {
    return this.all.some(({ isThere }) => isThere);
  }

  /** The model and tools of those that were found, and the smallest of their contexts; undefined before the first. */
  get served(): Served | undefined {
    const promised = this.#promised;
    if (promised === undefined) return undefined;
    const contexts = this.all.flatMap(({ served }) => (served?.model === promised.model ? [served.contextTokens] : []));
    return { ...promised, contextTokens: Math.min(promised.contextTokens, ...contexts) };
  }

  /** Why none of them will do; undefined while one is there or may come. */
  get failure(): AloudError | undefined {
    return this.all.every(({ unsuitable }) => unsuitable !== undefined) ? this.all[0]?.unsuitable : undefined;
  }

  /** Whether those that are there take no new conversation. */
  get isFull(): boolean {
    return this.#there().every(({ pressure }) => pressure === "full");
  }

  /** @returns undefined when all are full, or none is there but `without` */
  place(sessionId: string, isNew: boolean, without: ReadonlySet<Replica> = new Set()): Replica | undefined {
    return place(sessionId, this.#there(without), isNew);
  }

  /** Where a conversation between two turns had better be. */
  better(sessionId: string, at: Replica): Replica | undefined {
    return better(sessionId, at, this.#there());
  }

  close(): void {
    for (const replica of this.all) replica.close();
  }

  #there(without: ReadonlySet<Replica> = new Set()): Replica[] {
    return this.all.filter((replica) => replica.isThere && !without.has(replica));
  }

  #limits(): CircuitLimits {
    const { retryMs } = this.#options;
    // Of the last one, a slow answer is better than none.
    const failures = this.#there().length > 1 ? FAILURES : FAILURES_OF_LAST;
    return { failures, firstBackoffMs: retryMs, maxBackoffMs: MAX_BACKOFF * retryMs, wellMs: WELL_MS };
  }

  /** @throws ServerRefusal, AloudError `model_invalid` when it serves something else than the others */
  async #look(server: VllmServer, signal: AbortSignal): Promise<Served> {
    const models = await server.models(signal);
    const wanted = this.#options.model ?? this.#binding?.model;
    const model = models.find(({ id }) => wanted === undefined || id === wanted);
    const names = models.map(({ id }) => id).join(", ") || "nothing";
    if (model === undefined) throw new AloudError("model_invalid", `${server.name} serves ${names}, not ${wanted}`);
    const { takesTools } = await server.probe(model.id, signal);
    // Another may have been found meanwhile.
    const binding = this.#binding;
    if (binding !== undefined && binding.model !== model.id) {
      throw new AloudError("model_invalid", `${server.name} serves ${names}, not ${binding.model}`);
    }
    if (binding?.takesTools && !takesTools) {
      const what = "has no parser for tool calls, which another of the servers has; start all with the same arguments";
      throw new AloudError("model_invalid", `${server.name} ${what}`);
    }
    const served = { model: model.id, contextTokens: model.contextTokens ?? ASSUMED_CONTEXT_TOKENS, takesTools };
    if (binding === undefined) this.#promised = served;
    return served;
  }

  /** What a server must serve to join those that are there. */
  get #binding(): Served | undefined {
    return this.isAnyThere ? this.#promised : undefined;
  }
}
