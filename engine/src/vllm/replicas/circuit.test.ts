import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Circuit, type CircuitEvent, type CircuitLimits, reduceCircuit, unknownCircuit } from "./circuit.ts";

const LIMITS: CircuitLimits = { failures: 2, firstBackoffMs: 1_000, maxBackoffMs: 10_000, wellMs: 120_000 };

function play(events: readonly (readonly [CircuitEvent, number])[], from: Circuit = unknownCircuit(LIMITS)): Circuit {
  return events.reduce((circuit, [event, atMs]) => reduceCircuit(circuit, event, atMs, LIMITS), from);
}
const closed = play([
  ["due", 0],
  ["answered", 0],
]);

describe("the circuit of a server", () => {
  test("lets nothing through before a probe was answered", () => {
    expect(unknownCircuit(LIMITS).state).toBe("open");
    expect(play([["due", 0]]).state).toBe("probing");
    expect(closed.state).toBe("closed");
  });

  test("stands one failure, and not two in a row", () => {
    expect(play([["failed", 5]], closed).state).toBe("closed");
    expect(
      play(
        [
          ["failed", 5],
          ["answered", 6],
          ["failed", 7],
        ],
        closed,
      ).state,
    ).toBe("closed");
    expect(
      play(
        [
          ["failed", 5],
          ["failed", 6],
        ],
        closed,
      ),
    ).toMatchObject({ state: "open", untilMs: 1_006 });
  });

  test("opens at once when nobody is there", () => {
    expect(play([["gone", 5]], closed)).toMatchObject({ state: "open", untilMs: 1_005 });
  });

  test("waits its time, then probes, and is not talked out of it by old requests", () => {
    const open = play([["gone", 0]], closed);
    for (const event of ["due", "answered", "failed", "gone"] as const) expect(reduceCircuit(open, event, 999, LIMITS)).toBe(open);
    expect(reduceCircuit(open, "due", 1_000, LIMITS).state).toBe("probing");
  });

  test("leaves a server that comes and goes alone for longer each time, to a bound", () => {
    let circuit = closed;
    const waits: number[] = [];
    let now = 0;
    for (let fall = 0; fall < 6; fall += 1) {
      circuit = reduceCircuit(circuit, "gone", now, LIMITS);
      if (circuit.state !== "open") throw new Error(circuit.state);
      waits.push(circuit.untilMs - now);
      now = circuit.untilMs;
      circuit = play(
        [
          ["due", now],
          ["answered", now],
        ],
        circuit,
      );
      now += 5_000;
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    // Two minutes without a fall are forgotten.
    circuit = reduceCircuit(circuit, "gone", now + LIMITS.wellMs, LIMITS);
    expect(circuit).toMatchObject({ state: "open", untilMs: now + LIMITS.wellMs + 1_000 });
  });

  test("a probe that fails doubles the wait", () => {
    const open = play(
      [
        ["gone", 0],
        ["due", 1_000],
        ["failed", 1_500],
      ],
      closed,
    );
    expect(open).toMatchObject({ state: "open", untilMs: 3_500 });
  });

  test("is never open for ever, whatever happens", () => {
    const events = fc.array(fc.tuple(fc.constantFrom<CircuitEvent>("answered", "failed", "gone", "due"), fc.nat(20_000)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(events, (all) => {
        let now = 0;
        let circuit = unknownCircuit(LIMITS);
        for (const [event, ms] of all) {
          now += ms;
          circuit = reduceCircuit(circuit, event, now, LIMITS);
        }
        circuit = play(
          [
            ["due", now + LIMITS.maxBackoffMs],
            ["answered", now + LIMITS.maxBackoffMs],
          ],
          circuit,
        );
        expect(circuit.state).toBe("closed");
      }),
    );
  });
});
