/**
 * One conversation's way to the servers. It stays on the server that has its cache. When that one is gone, fails or falls silent before the first words
 * have come, the same request goes to another: every request has the whole conversation, so the first one there warms it up. What fails afterwards is thrown,
 * for only whoever reads the words can ask for the rest of them.
 */
import type { StreamPiece } from "../reading.ts";
import { ServerRefusal } from "../server.ts";
import type { Clock } from "./clock.ts";
import type { Replica } from "./replica.ts";
import type { Replicas } from "./replicas.ts";

type Piece = Extract<StreamPiece, { type: "piece" }>;

/** A request that brings servers down reaches no more of them than this. */
const MAX_SERVERS = 3;
/** A request that has heard nothing for so long goes to another server that is free. Queues and preemptions were seen to take 9 s. */
const SILENT_MS = 15_000;
/** The same when there is no other. */
const PATIENT_MS = 120_000;
/** A stream that still flows may outlive its server's health by so much between two pieces. */
const LAST_WORDS_MS = 1_000;

/** Servers by their place in the configuration: `vllm:0`, … */
export interface Move {
  readonly from: string;
  readonly to: string;
  /** `failover`: its server failed. `balance`: between two turns, to one that has less to do. */
  readonly reason: "failover" | "balance";
}

export interface RouteOptions {
  readonly replicas: Replicas;
  readonly clock: Clock;
  /** What pins; also sent as `x-session-id`, for routers that keep a session on one server. */
  readonly sessionId: string;
  readonly at: Replica;
  /** It lives on another server now. */
  readonly moved: (move: Move) => void;
}

export class Route {
  readonly #options: RouteOptions;
  #at: Replica;
  #turn: "open" | "over" = "open";
  #isClosed = false;

  constructor(options: RouteOptions) {
    this.#options = options;
    this.#at = options.at;
    this.#at.conversations += 1;
  }

  /** Of the server that it lives on. */
  get serverName(): string {
    return this.#at.server.name;
  }

  /** Streams an answer. @throws ServerRefusal; of kind `gone` when servers failed, `cut` when one did in the middle */
  answer(body: Readonly<Record<string, unknown>>, signal: AbortSignal): AsyncGenerator<Piece> {
    return this.#stream(body, signal, "answer");
  }

  /**
   * Streams what is worth having only at once: a second request of a turn, on the server that has its cache, while that one has room. It comes to nothing otherwise,
   * and goes nowhere else. @throws ServerRefusal
   */
  async *ahead(body: Readonly<Record<string, unknown>>, signal: AbortSignal): AsyncGenerator<Piece> {
    if (this.#at.isThere && this.#at.pressure === "none") yield* this.#stream(body, signal, "ahead");
  }

  /** Warms the cache up, unless the server has more to do than it can. @throws ServerRefusal */
  async *warm(body: Readonly<Record<string, unknown>>): AsyncGenerator<Piece> {
    if (this.#at.isThere && this.#at.pressure !== "none") return;
    yield* this.#stream(body, undefined, "warm-up");
  }

  /** @throws ServerRefusal of kind `gone` */
  async countTokens(model: string, text: string): Promise<number | undefined> {
    const tried = new Set<Replica>();
    for (;;) {
      const replica = this.#choose(tried);
      const watch = this.#watch(replica);
      try {
        const count = await replica.server.countTokens(model, text, watch.signal);
        replica.saw("answered");
        return count;
      } catch (error) {
        tellReplica(replica, error);
        this.#failed(replica, error, tried);
      } finally {
        watch.done();
      }
    }
  }

  /** The turn has its answer: what comes next may go to another server. */
  settle(): void {
    this.#turn = "over";
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#at.conversations -= 1;
  }

  async *#stream(
    body: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
    kind: "answer" | "ahead" | "warm-up",
  ): AsyncGenerator<Piece> {
    const tried = new Set<Replica>();
    for (;;) {
      const replica = this.#choose(tried);
      const watch = this.#watch(replica, signal);
      let began = false;
      try {
        const pieces = replica.server.stream(body, watch.signal, { "x-session-id": this.#options.sessionId });
        for await (const piece of pieces) {
          watch.heard();
          began ||= piece.reasoning !== "" || piece.content !== "" || piece.calls.length > 0;
          yield piece;
        }
        if (!watch.isCut || signal?.aborted) return;
        throw new ServerRefusal("gone", 0, "the server fell silent");
      } catch (error) {
        const isBusy = error instanceof ServerRefusal && error.kind === "busy";
        tellReplica(replica, error);
        if (kind === "ahead") throw error;
        if (began) {
          // Where only the connection broke, the cache still is.
          if (watch.isCut) this.#leave(replica);
          throw new ServerRefusal("cut", 0, "the server failed while it answered");
        }
        // A warm-up is not worth a cold start elsewhere.
        if (isBusy && kind === "warm-up") throw error;
        this.#failed(replica, error, tried);
      } finally {
        watch.done();
      }
    }
  }

  /** Where the next request goes. @throws ServerRefusal of kind `gone` when no server is there */
  #choose(tried: ReadonlySet<Replica>): Replica {
    const { replicas, sessionId } = this.#options;
    if (this.#turn === "over") {
      this.#turn = "open";
      const home = replicas.better(sessionId, this.#at);
      if (home !== undefined) this.#moveTo(home, "balance");
    }
    if (this.#at.isThere && !tried.has(this.#at)) return this.#at;
    const next = replicas.place(sessionId, false, tried);
    if (next === undefined) throw new ServerRefusal("gone", 0, "no server is there");
    // One that is merely busy has the cache, and is asked again next time.
    if (!(this.#at.isThere && this.#at.pressure === "full")) this.#moveTo(next, "failover");
    return next;
  }

  #leave(replica: Replica): void {
    const { replicas, sessionId } = this.#options;
    const next = replicas.place(sessionId, false, new Set([replica]));
    if (next !== undefined && this.#at === replica) this.#moveTo(next, "failover");
  }

  /** @throws `error` when no other server could do better */
  #failed(replica: Replica, error: unknown, tried: Set<Replica>): void {
    if (!MENDED_ELSEWHERE.has(error instanceof ServerRefusal ? error.kind : "other")) throw error;
    tried.add(replica);
    const { replicas, sessionId } = this.#options;
    if (tried.size >= MAX_SERVERS || replicas.place(sessionId, false, tried) === undefined) throw error;
  }

  #moveTo(next: Replica, reason: Move["reason"]): void {
    const from = this.#at;
    if (this.#isClosed) return;
    from.conversations -= 1;
    next.conversations += 1;
    this.#at = next;
    this.#options.moved({ from: from.id, to: next.id, reason });
  }

  /** A signal that fires when `signal` does, and when the server has been silent for too long. */
  #watch(replica: Replica, signal?: AbortSignal) {
    const { clock, replicas, sessionId } = this.#options;
    const cut = new AbortController();
    let silentSinceMs = clock.now();
    let cancel = () => {};
    const look = () => {
      const silentMs = clock.now() - silentSinceMs;
      const most = replica.isThere ? SILENT_MS : LAST_WORDS_MS;
      const isFree = () => replicas.place(sessionId, true, new Set([replica])) !== undefined;
      if (silentMs < most) wait(most - silentMs);
      else if (silentMs >= PATIENT_MS || !replica.isThere || isFree()) cut.abort();
      else wait(SILENT_MS);
    };
    const wait = (ms: number) => {
      cancel();
      cancel = clock.after(ms, look);
    };
    const forget = replica.onDown(() => wait(LAST_WORDS_MS));
    wait(SILENT_MS);
    return {
      signal: signal === undefined ? cut.signal : AbortSignal.any([signal, cut.signal]),
      get isCut() {
        return cut.signal.aborted;
      },
      heard() {
        silentSinceMs = clock.now();
        replica.saw("answered");
      },
      done() {
        cancel();
        forget();
      },
    };
  }
}

/** What another server may do better. The rest is the request's own fault. */
const MENDED_ELSEWHERE: ReadonlySet<ServerRefusal["kind"]> = new Set(["drift", "busy", "gone"]);

function tellReplica(replica: Replica, error: unknown): void {
  if (!(error instanceof ServerRefusal) || !MENDED_ELSEWHERE.has(error.kind)) return;
  replica.saw(error.kind === "busy" ? "busy" : error.isUnheard ? "gone" : "failed");
}
