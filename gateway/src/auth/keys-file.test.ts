import { AloudError } from "@aloud/client/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ApiKey, formatKeys, MAX_MINUTES_OF_KEY, MAX_SESSIONS_OF_KEY, parseKeys } from "./keys-file.ts";
import { hashOf } from "./secret.ts";

const laptop: ApiKey = {
  id: "3f9a1b2c4d5e",
  name: "laptop",
  hash: hashOf("ak"),
  created: "2026-12-01",
  sessions: 4,
  minutesPerDay: undefined,
};
const entry = { id: laptop.id, name: "laptop", sha256: laptop.hash.toString("hex"), created: "2026-12-01" };
const file = (...keys: unknown[]) => JSON.stringify({ keys });

const hex = (length: number) => fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const key: fc.Arbitrary<ApiKey> = fc.record({
  id: hex(12),
  name: fc.stringMatching(/^[A-Za-z0-9][\w.-]{0,63}$/),
  hash: hex(64).map((text) => Buffer.from(text, "hex")),
  created: fc
    .date({ min: new Date("2026-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  sessions: fc.option(fc.integer({ min: 0, max: MAX_SESSIONS_OF_KEY }), { nil: undefined }),
  minutesPerDay: fc.option(fc.integer({ min: 0, max: MAX_MINUTES_OF_KEY }), { nil: undefined }),
});

describe("parseKeys()", () => {
  test("reads what formatKeys() writes", () => {
    fc.assert(
      fc.property(fc.uniqueArray(key, { selector: ({ name }) => name, maxLength: 8 }), (keys) => {
        fc.pre(new Set(keys.map(({ id }) => id)).size === keys.length);
        expect(parseKeys(formatKeys(keys))).toEqual(keys);
      }),
      { seed: 5 },
    );
  });

  test.each([
    ["nothing", "", "this is not JSON"],
    ["half a file", '{"keys":[', "this is not JSON"],
    ["a list", "[]", 'expected an object with the list "keys"'],
    ["no list", "{}", "keys is missing"],
    ["a list of something else", file("laptop"), "keys[0]: expected an object"],
    ["no hash", file({ ...entry, sha256: undefined }), "keys[0].sha256 is missing"],
    ["a key instead of its hash", file({ ...entry, sha256: "ak_canary" }), "keys[0].sha256: expected 64 hexadecimal digits"],
    ["a bad name", file({ ...entry, name: "my laptop" }), "keys[0].name: expected a name"],
    ["a bad limit", file({ ...entry, sessions: -1 }), "keys[0].sessions: expected an integer from 0"],
    [
      "a misspelled limit",
      file({ ...entry, minutes_per_dya: 5 }),
      "keys[0]: expected only id, name, sha256, created, sessions, minutes_per_day",
    ],
    ["a name twice", file(entry, { ...entry, id: "000000000000" }), "two keys have the same name"],
    ["an id twice", file(entry, { ...entry, name: "phone" }), "two keys have the same id"],
    ["too many", file(...Array.from({ length: 1_001 }, () => entry)), "keys: expected at most 1000 items"],
  ])("refuses %s, says where, and repeats nothing of it", (_what, text, message) => {
    let caught: unknown;
    try {
      parseKeys(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(AloudError);
    expect((caught as AloudError).code).toBe("keys_invalid");
    expect((caught as AloudError).message).toContain(message);
    expect((caught as AloudError).message).not.toContain("canary");
  });

  const safe = (text: string) => {
    try {
      for (const found of parseKeys(text)) expect(found.hash).toHaveLength(32);
    } catch (error) {
      expect(error).toMatchObject({ code: "keys_invalid" });
    }
  };

  test("makes keys or a typed error of any text", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), safe), { seed: 6, numRuns: 2_000 });
  });

  test("makes keys or a typed error of any JSON that is nearly right", () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(entry)));
    const nearly = fc.dictionary(
      fc.constantFrom("id", "name", "sha256", "created", "sessions", "minutes_per_day", "__proto__", "x"),
      field,
    );
    const content = fc.oneof(fc.jsonValue(), fc.record({ keys: fc.oneof(fc.jsonValue(), fc.array(nearly, { maxLength: 4 })) }));
    fc.assert(
      fc.property(content, (value) => safe(JSON.stringify(value))),
      { seed: 7, numRuns: 3_000 },
    );
  });

  test("makes keys or a typed error of a file that was cut or damaged", () => {
    const good = formatKeys([laptop]);
    const damage = fc.tuple(fc.nat(good.length - 1), fc.string({ maxLength: 3 }), fc.nat(8));
    fc.assert(
      fc.property(damage, ([at, put, cut]) => safe(good.slice(0, at) + put + good.slice(at + cut))),
      { seed: 8, numRuns: 3_000 },
    );
  });
});
