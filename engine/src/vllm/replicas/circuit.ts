/**
 * Whether a server is sent anything: a circuit breaker. It opens when the server is gone or has failed several times in a row, and lets one probe through
 * when its time is up. A server that comes and goes is waited for longer each time: only after a while without failures is it trusted again. Pure.
 */
export type Circuit =
  | {
      readonly state: "closed";
      /** Failures since it last answered. */
      readonly failures: number;
      readonly sinceMs: number;
      /** How long it is left alone after the next failure. */
      readonly backoffMs: number;
    }
  | { readonly state: "open"; readonly untilMs: number; readonly backoffMs: number }
  | { readonly state: "probing"; readonly backoffMs: number };

/**
 * - `answered`: it did what it was asked.
 * - `failed`: it did not, which may be chance: a broken connection, an internal error, silence.
 * - `gone`: nobody listens there, or it says itself that it is dead.
 * - `due`: time has passed.
 */
export type CircuitEvent = "answered" | "failed" | "gone" | "due";

export interface CircuitLimits {
  /** So many failures in a row open it. */
  readonly failures: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** After so long without opening, the next backoff is the first again. */
  readonly wellMs: number;
}

/** Nobody has asked the server yet: the first probe is due at once. */
export function unknownCircuit({ firstBackoffMs }: CircuitLimits): Circuit {
  return { state: "open", untilMs: Number.NEGATIVE_INFINITY, backoffMs: firstBackoffMs };
}

export function reduceCircuit(circuit: Circuit, event: CircuitEvent, nowMs: number, limits: CircuitLimits): Circuit {
  const open = (backoffMs: number): Circuit => ({
    state: "open",
    untilMs: nowMs + backoffMs,
    backoffMs: Math.min(2 * backoffMs, limits.maxBackoffMs),
  });
  switch (circuit.state) {
    case "closed": {
      const isWell = nowMs - circuit.sinceMs >= limits.wellMs;
      const backoffMs = isWell ? limits.firstBackoffMs : circuit.backoffMs;
      if (event === "gone") return open(backoffMs);
      if (event === "failed") {
        const failures = circuit.failures + 1;
        return failures >= limits.failures ? open(backoffMs) : { ...circuit, failures };
      }
      return event === "answered" && circuit.failures > 0 ? { ...circuit, failures: 0 } : circuit;
    }
    case "open":
      // News of requests that were sent before it opened changes nothing.
      return event === "due" && nowMs >= circuit.untilMs ? { state: "probing", backoffMs: circuit.backoffMs } : circuit;
    case "probing":
      if (event === "answered") return { state: "closed", failures: 0, sinceMs: nowMs, backoffMs: circuit.backoffMs };
      return event === "due" ? circuit : open(circuit.backoffMs);
  }
}
