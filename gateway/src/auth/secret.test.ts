import { describe, expect, test } from "vitest";
import { hashOf, matches, newSecret, parseSecret } from "./secret.ts";

describe("newSecret()", () => {
  test("makes a prefix, an id that may be seen, and 192 random bits, all fit for a header and a subprotocol", () => {
    const { id, value, hash } = newSecret("ak");
    expect(value).toMatch(/^ak_[0-9a-f]{12}_[\w-]{32}$/);
    expect(value.slice(3, 15)).toBe(id);
    expect(hash).toEqual(hashOf(value));
    expect(hash.includes(value.slice(16))).toBe(false);
  });

  test("makes no two alike", () => {
    const made = Array.from({ length: 1_000 }, () => newSecret("ek"));
    expect(new Set(made.map(({ value }) => value.slice(16))).size).toBe(1_000);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1_000);
  });
});

test("matches() takes the whole value, and nothing like it", () => {
  const { value, hash } = newSecret("ak");
  expect(matches(value, hash)).toBe(true);
  expect(
    [value.slice(0, -1), `${value}a`, value.toUpperCase(), value.replace("ak", "ek"), ""].map((other) => matches(other, hash)),
  ).toEqual(Array.from({ length: 5 }, () => false));
});

test("parseSecret() knows what we made, and nothing else", () => {
  const { id, value } = newSecret("ek");
  expect(parseSecret(value)).toEqual({ kind: "ek", id });
  for (const other of ["", "sk-proj-1", `${value}x`, ` ${value}`, value.replace("ek", "xk"), value.slice(0, 20)])
    expect(parseSecret(other), other).toBeUndefined();
});
