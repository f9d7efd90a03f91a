/** Servers that hang, fail at all they are asked, or come and go: when they are given up, and when they are trusted again. */
import { describe, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import { rank } from "../../engine/src/vllm/replicas/placement.ts";
import {
  collect,
  converse,
  expectWholeAnswer,
  lastPrefill,
  NEVER,
  REQUEST,
  replicasOf,
  type Server,
  start,
  startServer,
  statesOf,
  turn,
  until,
} from "./replica-set.ts";

describe("a server that hangs", () => {
  test("is given up within eight seconds, and its conversations go on elsewhere", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.fake.setHung(true);
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await all.pass(8);
    expect(statesOf(all.engine).sort()).toEqual(["loading", "ready"]);
    await all.pass(1);
    expectWholeAnswer(await answered);
    expect((await converse(all)).home).not.toBe(home);
  });

  test("in the middle of an answer: the other goes on from what has come", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    let answers = 0;
    const answered = collect(conversation.generate(REQUEST, NEVER), (event) => {
      if (event.type === "delta" && event.channel === "answer") answers += 1;
      if (answers === 3) home.fake.setHung(true);
    });
    await until(() => answers >= 3);
    await all.pass(10);
    expectWholeAnswer(await answered);
  });

  test("in the middle of an answer, while it says that it is well: the rest is asked of the other after 15 s", async () => {
    const all = await start(2);
    const { home, other, hear, conversation } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = () => (++tokens < 34 ? turn() : new Promise(() => {}));
    let answers = 0;
    const answered = collect(conversation.generate(REQUEST, NEVER), (event) => {
      if (event.type === "delta" && event.channel === "answer") answers += 1;
    });
    await until(() => answers >= 3);
    await all.pass(16);
    await until(() => other.fake.requests.length > 0);
    expectWholeAnswer(await answered);
    expect(lastPrefill(other)).toMatch(/<\/think>\n\nSure/u);
  });

  test("while it says that it is well: an answer that stays away for 15 s is asked of the other", async () => {
    const all = await start(2);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.onToken = () => new Promise(() => {});
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await until(() => home.fake.running > 0);
    await all.pass(14);
    expect(all.moves).toEqual([]);
    await all.pass(2);
    expectWholeAnswer(await answered);
  });

  test("and is the only one: it is waited for", async () => {
    const all = await start(1);
    const { home, hear, conversation } = await converse(all);
    await hear(1_000);
    home.fake.setHung(true);
    const answered = collect(conversation.generate(REQUEST, NEVER));
    await all.pass(8);
    expect(statesOf(all.engine)).toEqual(["ready"]);
    home.fake.setHung(false);
    expectWholeAnswer(await answered);
  });
});

test("a server that says that it is well and fails at all it is asked is given up", async () => {
  const all = await start(2);
  const [first] = all.servers as [Server, Server];
  first.onToken = async () => {
    first.fake.breakConnections();
    await turn();
  };
  const talks = await Promise.all(Array.from({ length: 8 }, () => all.engine.open({})));
  for (const [n, talk] of talks.entries()) {
    await talk.append({ type: "audio", samples: pseudoSpeech(500, n) });
    expectWholeAnswer(await collect(talk.generate(REQUEST, NEVER)));
    await all.pass(1);
  }
  expect(all.moves.length).toBeGreaterThanOrEqual(3);
  expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 8]);
  expect(statesOf(all.engine)).toContain("loading");
});

/** Ids of sessions that prefer one server to the other: ports, which are any, are part of what is hashed. */
function preferring(server: Server, other: Server, count: number): string[] {
  const candidates = [server, other].map(({ fake }) => ({ key: fake.url, weight: 1, conversations: 0, pressure: "none" as const }));
  const ids: string[] = [];
  for (let n = 0; ids.length < count; n += 1) if (rank(`s${n}`, candidates)[0] === candidates[0]) ids.push(`s${n}`);
  return ids;
}

describe("a server that comes back", () => {
  test("is not trusted before it has made a token", async () => {
    const all = await start(2);
    const { home, homeId } = await converse(all);
    home.fake.setUnwell(true);
    await all.pass(1);
    expect(statesOf(all.engine).sort()).toEqual(["loading", "ready"]);
    home.fake.setUnwell(false);
    home.onToken = () => new Promise(() => {});
    await all.pass(10);
    expect(replicasOf(all.engine).find(({ id }) => id === homeId)?.state).toBe("loading");
  });

  test("takes a tenth of its share at first; conversations return between turns only, and gradually", async () => {
    const all = await start(2);
    await all.pass(60);
    const [first, second] = all.servers as [Server, Server];
    const sessionIds = [...preferring(first, second, 6), ...preferring(second, first, 6)];
    const talks = await Promise.all(sessionIds.map((sessionId) => all.engine.open({ sessionId })));
    first.fake.setUnwell(true);
    await all.pass(1);
    const ask = (n: number) => Promise.all(talks.map((talk) => talk.append({ type: "text", role: "user", text: `turn ${n}` })));
    const answer = () => Promise.all(talks.map((talk) => collect(talk.generate(REQUEST, NEVER))));
    await ask(1);
    await answer();
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 12]);
    first.fake.setUnwell(false);
    await all.pass(2);
    expect(statesOf(all.engine)).toEqual(["ready", "ready"]);
    const counts: number[] = [];
    for (let n = 2; n < 8; n += 1) {
      await ask(n);
      counts.push(replicasOf(all.engine)[0]?.conversations ?? 0);
      // In the middle of a turn nothing moves.
      const moved = all.moves.length;
      await all.pass(12);
      await ask(n);
      await answer();
      expect(all.moves.length).toBe(moved);
    }
    expect(counts[0]).toBeLessThanOrEqual(2);
    expect(counts.at(-1)).toBeGreaterThan(2);
    expect(counts.at(-1)).toBeLessThanOrEqual(6);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(all.moves.filter(({ reason }) => reason === "balance").length).toBe(counts.at(-1));
  });

  test("and goes again is left alone for longer each time", async () => {
    const all = await start(2);
    const [first] = all.servers as [Server, Server];
    const away: number[] = [];
    for (let fall = 0; fall < 4; fall += 1) {
      first.fake.setUnwell(true);
      await all.pass(1);
      expect(statesOf(all.engine)[0]).toBe("loading");
      first.fake.setUnwell(false);
      let seconds = 0;
      while (statesOf(all.engine)[0] === "loading") {
        await all.pass(1);
        seconds += 1;
      }
      away.push(seconds);
    }
    expect(away).toEqual([1, 2, 4, 8]);
  });
});

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

test.each(Array.from({ length: 6 }, (_, n) => n + 1))(
  "as long as one server is well, every turn is answered whole, whatever befalls two others: seed %i",
  async (seed) => {
    const all = await start(3);
    const roll = dice(seed);
    const slowly = async () => {
      for (let turns = 0; turns < 10; turns += 1) await turn();
    };
    for (const server of all.servers) server.onToken = slowly;
    const frail = all.servers.slice(0, 2) as [Server, Server];
    const befall: ((server: Server) => Promise<void> | void)[] = [
      ({ fake }) => fake.breakConnections(),
      ({ fake }) => fake.setHung(true),
      ({ fake }) => fake.setUnwell(true),
      ({ fake }) => fake.setBusy(true),
      ({ fake }) => fake.setMetrics({ waiting: 9, cacheUsage: 1 }),
      ({ fake }) => fake.setMetrics("\u0000{{{"),
      async (server) => {
        const port = Number(new URL(server.fake.url).port);
        await server.fake.kill();
        server.fake = (await startServer({ port, pace: slowly })).fake;
      },
    ];
    const mend = ({ fake }: Server) => {
      fake.setHung(false);
      fake.setUnwell(false);
      fake.setBusy(false);
      fake.setMetrics({});
    };
    const talks = await Promise.all(Array.from({ length: 3 }, (_, n) => all.engine.open({ sessionId: `${seed}-${n}` })));
    for (let n = 0; n < 5; n += 1) {
      let open = talks.length;
      const answers = talks.map(async (talk, speaker) => {
        await talk.append({ type: "audio", samples: pseudoSpeech(2_500, 10 * n + speaker) });
        return collect(talk.generate(REQUEST, NEVER));
      });
      for (const answer of answers) answer.then(() => (open -= 1)).catch(() => (open -= 1));
      // Two misfortunes a turn are stood at most (docs/decisions/2026-11-25-replicas.md).
      const victims = [...frail];
      for (let step = 0; open > 0; step += 1) {
        for (let turns = roll(60); turns > 0; turns -= 1) await turn();
        const victim = roll(2) === 0 ? victims.pop() : undefined;
        if (victim !== undefined) await befall[roll(befall.length)]?.(victim);
        if (step > 2) await all.pass(0.5);
      }
      for (const events of await Promise.all(answers)) expectWholeAnswer(events);
      for (const server of frail) if (roll(2) === 0) mend(server);
      await all.pass(roll(20));
    }
    await Promise.all(talks.map((talk) => talk.close()));
    expect(replicasOf(all.engine).map(({ conversations }) => conversations)).toEqual([0, 0, 0]);
    await all.engine.close();
    for (const server of frail) mend(server);
    for (let n = 0; n < 20; n += 1) await turn();
    expect(all.clock.pending()).toBe(0);
  },
);
