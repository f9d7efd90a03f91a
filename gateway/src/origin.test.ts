import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { isOriginAllowed } from "./origin.ts";

const loopback = readConfig({}, {}).origins;

describe("isOriginAllowed()", () => {
  test.each([
    ["no origin (not a browser)", undefined, "127.0.0.1:7860", true],
    ["the page that we serve", "http://127.0.0.1:7860", "127.0.0.1:7860", true],
    ["the same by name", "http://localhost:7860", "localhost:7860", true],
    ["the same by IPv6", "http://[::1]:7860", "[::1]:7860", true],
    ["behind local TLS", "https://localhost:7860", "localhost:7860", true],
    ["another port", "http://localhost:3000", "localhost:7860", false],
    ["another name for loopback", "http://127.0.0.1:7860", "localhost:7860", false],
    ["another site", "https://evil.example", "127.0.0.1:7860", false],
    ["a name rebound to loopback", "http://evil.example:7860", "evil.example:7860", false],
    ["a name that begins like ours", "http://localhost.evil.example", "localhost.evil.example", false],
    ["a sandboxed page", "null", "127.0.0.1:7860", false],
    ["an origin named like a rule", "same", "127.0.0.1:7860", false],
    ["no host", "http://localhost:7860", undefined, false],
  ] as const)("on loopback: %s", (_what, origin, host, expected) => {
    expect(isOriginAllowed({ origin, host }, loopback)).toBe(expected);
  });

  test("elsewhere only what is listed, exactly", () => {
    expect(readConfig({ host: "0.0.0.0" }, {}).origins).toEqual([]);
    const { origins } = readConfig({ host: "0.0.0.0" }, { ALOUD_ORIGINS: "https://voice.example, none" });
    const allowed = (origin: string | undefined) => isOriginAllowed({ origin, host: "voice.example" }, origins);
    expect(allowed("https://voice.example")).toBe(true);
    expect(allowed(undefined)).toBe(true);
    expect(allowed("http://voice.example")).toBe(false);
    expect(allowed("https://voice.example.evil.example")).toBe(false);
    expect(allowed("https://VOICE.example")).toBe(false);
  });
});

test("with keys, the page that we serve is let in under any name, since a rebound one has no key", () => {
  const { origins, keysFile } = readConfig({ host: "0.0.0.0" }, { ALOUD_KEYS: "/etc/aloud/keys.json" });
  expect(keysFile).toBe("/etc/aloud/keys.json");
  const allowed = (origin: string | undefined, guarded: boolean) => isOriginAllowed({ origin, host: "voice.example" }, origins, guarded);
  expect([allowed("https://voice.example", true), allowed(undefined, true)]).toEqual([true, true]);
  expect([allowed("https://voice.example", false), allowed("https://evil.example", true)]).toEqual([false, false]);
});

test.each([
  [{ ALOUD_PORT: "http" }, "ALOUD_PORT"],
  [{ ALOUD_PORT: "70000" }, "ALOUD_PORT"],
  [{ ALOUD_SPECULATE: "yes" }, "ALOUD_SPECULATE"],
  [{ ALOUD_SESSION_MINUTES: "0" }, "ALOUD_SESSION_MINUTES"],
  [{ ALOUD_SESSION_MINUTES: "1441" }, "ALOUD_SESSION_MINUTES"],
  [{ ALOUD_LOG_LEVEL: "loud" }, "ALOUD_LOG_LEVEL"],
])("readConfig() names the variable that is wrong: %o", (env, name) => {
  expect(() => readConfig({}, env)).toThrow(name);
});
