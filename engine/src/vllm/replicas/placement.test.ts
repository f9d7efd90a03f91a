import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { better, type Candidate, place, rank, weightAfter } from "./placement.ts";

type Mutable = { -readonly [Key in keyof Candidate]: Candidate[Key] };
const server = (key: string, more: Partial<Candidate> = {}): Mutable => ({ key, weight: 1, conversations: 0, pressure: "none", ...more });
const servers = (...keys: string[]) => keys.map((key) => server(key));
const sessions = Array.from({ length: 2_000 }, (_, n) => `session-${n}`);
const keyOf = (candidate: Candidate | undefined) => candidate?.key;

describe("rank()", () => {
  test("is the same for the same servers in another order", () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(["a", "b", "c", "d"], { minLength: 4 }), (session, order) => {
        expect(rank(session, servers(...order)).map(keyOf)).toEqual(rank(session, servers("a", "b", "c", "d")).map(keyOf));
      }),
    );
  });

  test("moves only the sessions of a server that goes away", () => {
    for (const session of sessions.slice(0, 300)) {
      const [first, second] = rank(session, servers("a", "b", "c"));
      const left = rank(session, servers("a", "b"))[0];
      expect(keyOf(left)).toBe(first?.key === "c" ? second?.key : first?.key);
    }
  });

  test("spreads sessions by weight", () => {
    const counts: Record<string, number> = { a: 0, b: 0 };
    for (const session of sessions) {
      const key = rank(session, [server("a"), server("b", { weight: 0.25 })])[0]?.key ?? "";
      counts[key] = (counts[key] ?? 0) + 1;
    }
    expect((counts.b ?? 0) / sessions.length).toBeCloseTo(0.2, 1);
  });
});

describe("place()", () => {
  test("gives no server more than a quarter above its share", () => {
    const all = servers("a", "b", "c", "d");
    for (const session of sessions.slice(0, 400)) {
      const at = place(session, all, true);
      if (at === undefined) throw new Error("nowhere");
      at.conversations += 1;
    }
    for (const { conversations } of all) expect(conversations).toBeLessThanOrEqual(125);
  });

  test("is not moved by small differences of load", () => {
    const [first] = rank("s", servers("a", "b"));
    const all = servers("a", "b").map((one) => ({ ...one, conversations: one.key === first?.key ? 10 : 9 }));
    expect(keyOf(place("s", all, true))).toBe(first?.key);
  });

  test("prefers a server that is free to its own one that is pressed, and takes that when there is no other", () => {
    const [first, second] = rank("s", servers("a", "b"));
    const all = servers("a", "b").map((one) => ({ ...one, pressure: one.key === first?.key ? ("pressed" as const) : ("none" as const) }));
    expect(keyOf(place("s", all, true))).toBe(second?.key);
    expect(
      keyOf(
        place(
          "s",
          servers("a", "b").map((one) => ({ ...one, pressure: "pressed" as const })),
          true,
        ),
      ),
    ).toBe(first?.key);
  });

  test("takes nobody new where all are full, but who is there already", () => {
    const all = servers("a", "b").map((one) => ({ ...one, pressure: "full" as const }));
    expect(place("s", all, true)).toBeUndefined();
    expect(keyOf(place("s", all, false))).toBe(rank("s", servers("a", "b"))[0]?.key);
  });

  test("is nowhere without servers", () => {
    expect(place("s", [], false)).toBeUndefined();
  });
});

describe("better()", () => {
  test("brings half of the conversations back to a server that has recovered, as its share grows, and then no more", () => {
    const survivor = server("a", { conversations: 40 });
    const recovered = server("b", { weight: 0 });
    const at = new Map(sessions.slice(0, 40).map((session) => [session, survivor]));
    const counts: number[] = [];
    for (const ms of [0, 15_000, 30_000, 60_000, 120_000]) {
      recovered.weight = weightAfter(ms, 60_000);
      for (const [session, here] of at) {
        const home = better(session, here, [survivor, recovered]);
        if (home === undefined) continue;
        here.conversations -= 1;
        home.conversations += 1;
        at.set(session, home);
      }
      counts.push(recovered.conversations);
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts[0]).toBeLessThan(6);
    expect(counts.at(-1)).toBeGreaterThan(12);
    expect(counts.at(-1)).toBeLessThanOrEqual(20);
    expect(counts.at(-1)).toBe(counts.at(-2));
  });

  test("moves nothing for the hash's sake alone, nor to a server that is pressed", () => {
    const [first, second] = rank("s", servers("a", "b"));
    const here = server(second?.key ?? "", { conversations: 3 });
    expect(better("s", here, [here, server(first?.key ?? "", { conversations: 3 })])).toBeUndefined();
    expect(better("s", here, [here, server(first?.key ?? "", { pressure: "pressed" })])).toBeUndefined();
    expect(better("s", here, [here, server(first?.key ?? "")])?.key).toBe(first?.key);
  });
});

test("a server's share grows from a tenth to all of it", () => {
  expect([0, 30_000, 60_000, 90_000].map((ms) => weightAfter(ms, 60_000))).toEqual([0.1, 0.55, 1, 1]);
});
