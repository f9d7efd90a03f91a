import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { KEY_HELP } from "../../gateway/src/cli/key.ts";
import {
  CLIENT_SECRET_SECONDS,
  CLIENT_SECRET_USES,
  KEYS_POLL_MS,
  MAX_CLIENT_SECRET_CHARACTERS,
  MAX_CLIENT_SECRET_USES,
  MAX_CLIENT_SECRETS,
  MAX_CLIENT_SECRETS_PER_KEY,
  WRONG_KEY_BURST,
} from "../../gateway/src/limits.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8").replaceAll(/\s+/g, " ");
const number = (n: number) => n.toLocaleString("en");

test("docs/protocol.md states the bounds of keys and client secrets that the gateway keeps", () => {
  const page = read("docs/protocol.md");
  const { min, max, default: usual } = CLIENT_SECRET_SECONDS;
  for (const sentence of [
    `\`seconds\` is ${min} to ${number(max)} (default ${usual})`,
    `connections that it opens, 1 to ${number(MAX_CLIENT_SECRET_USES)} (default ${CLIENT_SECRET_USES})`,
    `A key has at most ${number(MAX_CLIENT_SECRETS_PER_KEY)} that have not expired, a server ${number(MAX_CLIENT_SECRETS)} with ${MAX_CLIENT_SECRET_CHARACTERS / 2 ** 20} Mi characters`,
    `After ${WRONG_KEY_BURST} wrong keys`,
  ])
    expect(page).toContain(sentence);
});

test("README.md uses flags that aloud key has, and its revocation takes as long as it says", () => {
  const page = read("README.md");
  const flags = [...page.matchAll(/aloud key [^#]*?(--[\w-]+)(?: \d+ (--[\w-]+))?/g)].flatMap(([, first, second]) => [
    first,
    second ?? first,
  ]);
  expect(flags.length).toBeGreaterThan(1);
  for (const flag of flags) expect(KEY_HELP).toContain(flag);
  expect(page).toContain("ends its sessions within two seconds");
  expect(KEYS_POLL_MS).toBe(2_000);
});
