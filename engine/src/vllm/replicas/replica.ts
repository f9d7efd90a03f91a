/**
 * One server, watched: every second it is asked whether it is well, every other second how busy it is. One that is not there is looked for; it is trusted
 * again when it has named its model and made a token.
 */
import { AloudError } from "@aloud/client/protocol";
import type { Device } from "../../engine.ts";
import { ServerRefusal, type VllmServer } from "../server.ts";
import { type Circuit, type CircuitEvent, type CircuitLimits, reduceCircuit, unknownCircuit } from "./circuit.ts";
import type { Clock } from "./clock.ts";
import { type Load, type Pressure, pressureOf, readLoad } from "./load.ts";
import { type Candidate, weightAfter } from "./placement.ts";

const BEAT_MS = 1_000;
/** Long: a server that unpacks a long conversation's audio answers nobody else meanwhile. */
const MAX_BEAT_MS = 1_500;
const BEATS_PER_LOAD = 2;
/** A token may have to wait in the server's queue. */
const MAX_PROBE_MS = 30_000;
/** How long a server that has just come takes less than its share. */
const SLOW_START_MS = 60_000;
/** How long a server that said "busy" is not asked for more. */
const BUSY_MS = 2_000;

/** What a server has to offer. */
export interface Served {
  readonly model: string;
  readonly contextTokens: number;
  readonly takesTools: boolean;
}

export interface ReplicaOwner {
  readonly clock: Clock;
  /** Asked at every event: with no other server left, one is given up less easily. */
  limits(): CircuitLimits;
  /** Finds out what it serves. @throws ServerRefusal, AloudError when that is not what is wanted */
  look(server: VllmServer, signal: AbortSignal): Promise<Served>;
  /** Its status is another one. */
  changed(): void;
}

export class Replica implements Candidate {
  /** `vllm:0`, …: its place among the servers of this gateway. */
  readonly id: string;
  readonly server: VllmServer;
  /** Those that live here; counted by their routes. */
  conversations = 0;
  readonly #owner: ReplicaOwner;
  #circuit: Circuit;
  #served: Served | undefined;
  #unsuitable: AloudError | undefined;
  #loads: readonly (Load | undefined)[] = [];
  #busyUntilMs = Number.NEGATIVE_INFINITY;
  #wasFull = false;
  #beats = 0;
  /** In a row. Beats and requests are counted apart: a server that says that it is well and fails at all it is asked is not well. */
  #silentBeats = 0;
  #isLooking = false;
  #cancelTimer = () => {};
  readonly #closed = new AbortController();
  readonly #onDown = new Set<() => void>();

  constructor(id: string, server: VllmServer, owner: ReplicaOwner) {
    this.id = id;
    this.server = server;
    this.#owner = owner;
    this.#circuit = unknownCircuit(owner.limits());
    this.#schedule(0);
  }

  get key(): string {
    return this.server.url;
  }

  get isThere(): boolean {
    return this.#circuit.state === "closed";
  }

  /** What it served when it was last looked at; undefined before. */
  get served(): Served | undefined {
    return this.#served;
  }

  /** Why it cannot be used though it is there. */
  get unsuitable(): AloudError | undefined {
    return this.#unsuitable;
  }

  get weight(): number {
    return this.#circuit.state === "closed" ? weightAfter(this.#owner.clock.now() - this.#circuit.sinceMs, SLOW_START_MS) : 0;
  }

  get pressure(): Pressure {
    return this.#owner.clock.now() < this.#busyUntilMs ? "full" : pressureOf(this.#loads);
  }

  get device(): Device {
    const { id, conversations } = this;
    const [state, message] = this.#standing;
    return { id, address: this.server.url, state, memoryBytes: 0, conversations, ...(message !== undefined && { message }) };
  }

  get #standing(): readonly [Device["state"], string | undefined] {
    if (this.#unsuitable !== undefined) return ["failed", this.#unsuitable.message];
    if (!this.isThere) return ["loading", this.#served === undefined ? "waiting for the server" : "the server is gone; waiting for it"];
    return ["ready", this.pressure === "full" ? "takes no new conversations: it has as much to do as it can" : undefined];
  }

  /** What became of a request. */
  saw(event: "answered" | "failed" | "gone" | "busy"): void {
    if (!this.isThere) return;
    if (event === "answered") this.#silentBeats = 0;
    if (event === "busy") this.#busyUntilMs = this.#owner.clock.now() + BUSY_MS;
    else this.#note(event);
    this.#tellPressure();
  }

  /** Calls `listener` when the server is given up, until the returned function is called. */
  onDown(listener: () => void): () => void {
    this.#onDown.add(listener);
    return () => this.#onDown.delete(listener);
  }

  close(): void {
    this.#cancelTimer();
    this.#closed.abort();
  }

  #note(event: CircuitEvent): void {
    const before = this.#circuit.state;
    this.#circuit = reduceCircuit(this.#circuit, event, this.#owner.clock.now(), this.#owner.limits());
    const { state } = this.#circuit;
    if (before === state) return;
    if (before === "closed") {
      this.#loads = [];
      for (const listener of [...this.#onDown]) listener();
      this.#rest();
    }
    if ((before === "closed") !== (state === "closed")) this.#owner.changed();
  }

  /** Waits for what comes next: a beat, or the time of the next probe. */
  #rest(): void {
    const circuit = this.#circuit;
    this.#schedule(circuit.state === "open" ? Math.max(0, circuit.untilMs - this.#owner.clock.now()) : BEAT_MS);
  }

  #schedule(ms: number): void {
    this.#cancelTimer();
    if (this.#closed.signal.aborted) return;
    this.#cancelTimer = this.#owner.clock.after(ms, () => void this.#wake());
  }

  async #wake(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#note("due");
      if (this.#circuit.state === "closed") await this.#beat();
      else if (this.#circuit.state === "probing") await this.#probe();
    } finally {
      this.#isLooking = false;
      this.#rest();
    }
  }

  async #beat(): Promise<void> {
    const { server } = this;
    this.#beats += 1;
    try {
      await this.#within(MAX_BEAT_MS, (signal) => server.health(signal));
      this.#silentBeats = 0;
    } catch (error) {
      const isSure = error instanceof ServerRefusal && (error.isUnheard || error.status > 0);
      this.#silentBeats += 1;
      if (isSure || this.#silentBeats >= this.#owner.limits().failures) this.saw("gone");
      return;
    }
    if (this.#beats % BEATS_PER_LOAD !== 0) return;
    const text = await this.#within(MAX_BEAT_MS, (signal) => server.metrics(signal));
    if (this.isThere) this.#loads = [...this.#loads.slice(-1), text === undefined ? undefined : readLoad(text)];
    this.#tellPressure();
  }

  #tellPressure(): void {
    const isFull = this.isThere && this.pressure === "full";
    if (isFull === this.#wasFull) return;
    this.#wasFull = isFull;
    this.#owner.changed();
  }

  async #probe(): Promise<void> {
    const wasUnsuitable = this.#unsuitable;
    try {
      this.#served = await this.#within(MAX_PROBE_MS, (signal) => this.#owner.look(this.server, signal));
      this.#unsuitable = undefined;
      this.#beats = 0;
      this.#silentBeats = 0;
      this.#note("answered");
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      this.#unsuitable = complaintOf(error, this.server.name);
      this.#note("failed");
      if (this.#unsuitable !== wasUnsuitable) this.#owner.changed();
    }
  }

  async #within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const abort = () => stop.abort();
    const cancel = this.#owner.clock.after(ms, abort);
    // Not AbortSignal.any: signals of every second would be held by the one that lives as long as the engine.
    this.#closed.signal.addEventListener("abort", abort, { once: true });
    try {
      return await work(stop.signal);
    } finally {
      cancel();
      this.#closed.signal.removeEventListener("abort", abort);
    }
  }
}

/** @returns undefined where waiting may help */
function complaintOf(error: unknown, name: string): AloudError | undefined {
  if (error instanceof AloudError) return error;
  if (!(error instanceof ServerRefusal)) return new AloudError("engine_failed", `${name} could not be asked`, { cause: error });
  return error.kind === "gone" || error.kind === "busy" || error.kind === "drift" ? undefined : error.toAloudError(name);
}
