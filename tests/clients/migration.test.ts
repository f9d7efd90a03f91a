/**
 * docs/migration.md, run: each block of code as it stands there, with this run's address and key in the place of the page's, and a few lines
 * behind it (tests/clients/examples) that ask something and print the answer.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { here, runClient } from "./driver.ts";
import { openTap, type Tap } from "./tap.ts";

const EXAMPLES = ["openai.mjs", "openai.py", "agents-realtime.mjs", "livekit.mjs", "pipecat.py"];
const LANGUAGES: Readonly<Record<string, string>> = { js: "mjs", python: "py" };
/** Where packages of tests/clients are found, and nothing is committed. */
const workshop = join(here, "node_modules", ".cache", "migration");

const server = inject("server");
const page = readFileSync(new URL("../../docs/migration.md", import.meta.url), "utf8");
const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", code = ""]) => ({ language, code }));
let secure: Tap;
beforeAll(async () => {
  secure = await openTap(server.url, server.tls);
});
afterAll(() => secure.close());

test("has a block for each client", () => {
  expect(blocks.map(({ language }) => LANGUAGES[language])).toEqual(EXAMPLES.map((name) => name.split(".")[1]));
});

test.each(EXAMPLES.map((name, at) => ({ name, code: blocks[at]?.code ?? "" })))(
  "$name takes at most three lines besides imports",
  ({ code }) => {
    const statements = code.split("\n").filter((line) => line.trim() !== "" && !/^(import|from) /.test(line));
    expect(statements.length).toBeLessThanOrEqual(3);
  },
);

test.each(EXAMPLES.map((name, at) => ({ name, code: blocks[at]?.code ?? "" })))("$name answers", async ({ name, code }) => {
  const program = code
    .replaceAll("https://your.host", secure.url)
    .replaceAll("localhost:7860", new URL(server.url).host)
    .replaceAll('"any"', JSON.stringify(server.key));
  const rest = readFileSync(new URL(`examples/${name}`, import.meta.url), "utf8");
  mkdirSync(workshop, { recursive: true });
  const file = join(workshop, name.replace("openai.py", "openai_example.py").replace("pipecat.py", "pipecat_example.py"));
  writeFileSync(file, `${program}\n${rest}`);
  const lines = await runClient(file, [], server.caFile, { ALOUD_API_KEY: server.key });
  expect(lines.join("\n")).toContain("Timer set for five minutes.");
});
