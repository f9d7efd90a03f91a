import { describe, expect, test } from "vitest";
import { createEntry } from "./entry.ts";

/** A server that knows one key, and a tab's storage. */
function setUp(stored: Record<string, string> = {}) {
  const kept = new Map(Object.entries(stored));
  const server = { key: "ak_good", made: 0, reachable: true, bodies: [] as unknown[] };
  const answer = async (_url: unknown, init?: RequestInit) => {
    if (!server.reachable) throw new TypeError("failed to fetch");
    server.bodies.push(JSON.parse(String(init?.body)));
    if (new Headers(init?.headers).get("authorization") !== `Bearer ${server.key}`)
      return Response.json({ error: { message: "this key is unknown" } }, { status: 401 });
    server.made += 1;
    return Response.json({ value: `ek_${server.made}` });
  };
  const entry = createEntry({
    storage: {
      getItem: (name) => kept.get(name) ?? null,
      setItem: (name, value) => void kept.set(name, value),
      removeItem: (name) => void kept.delete(name),
    },
    fetch: answer as typeof fetch,
    origin: "https://voice.example",
  });
  return { entry, server, kept };
}

describe("the way in", () => {
  test("turns a key into a client secret of this page, and stores nothing but that", async () => {
    const { entry, server, kept } = setUp();
    expect(entry.secret()).toBeUndefined();
    expect(await entry.enter(" ak_good ")).toBeUndefined();
    expect(entry.secret()).toBe("ek_1");
    expect(server.bodies).toEqual([
      { expires_after: { anchor: "created_at", seconds: 7_200 }, aloud: { origin: "https://voice.example", max_uses: 200 } },
    ]);
    expect([...kept.values()]).toEqual(["ek_1"]);
  });

  test("says what the server says of a wrong key, and what is wrong when none answers", async () => {
    const { entry, server } = setUp();
    expect(await entry.enter("ak_bad")).toBe("this key is unknown");
    expect(await entry.enter("my password")).toContain("This is no key");
    server.reachable = false;
    expect(await entry.enter("ak_good")).toBe("The server cannot be reached");
    expect(entry.secret()).toBeUndefined();
  });

  test("takes a client secret that somebody was given", async () => {
    const { entry, server } = setUp();
    expect(await entry.enter("ek_given")).toBeUndefined();
    expect([entry.secret(), server.bodies]).toEqual(["ek_given", []]);
  });

  test("renews an expired secret by itself as long as the key is good, and forgets both when it is not", async () => {
    const { entry, server } = setUp();
    await entry.enter("ak_good");
    expect([await entry.renew(), entry.secret()]).toEqual([true, "ek_2"]);
    server.key = "ak_other";
    expect([await entry.renew(), entry.secret()]).toEqual([false, undefined]);
    server.key = "ak_good";
    expect(await entry.renew()).toBe(false);
  });

  test("asks again after a reload once the stored secret is refused", async () => {
    const { entry } = setUp({ "aloud.client_secret": "ek_old" });
    expect(entry.secret()).toBe("ek_old");
    expect([await entry.renew(), entry.secret()]).toEqual([false, undefined]);
  });
});
