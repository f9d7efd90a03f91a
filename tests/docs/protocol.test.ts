import { readFileSync } from "node:fs";
import { ALOUD_EVENT_TYPES, CLIENT_EVENT_TYPES } from "@aloud/client/protocol";
import { expect, test } from "vitest";
import { IDLE_TIMEOUT_MS, MAX_MESSAGE_BYTES, MAX_SESSION_MS, MESSAGE_BURST, MESSAGES_PER_SECOND } from "../../gateway/src/limits.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/protocol.md");

test("docs/protocol.md has one row for each client event, in the order of the code", () => {
  const table = page.slice(page.indexOf("## Client events"), page.indexOf("## Server events"));
  expect([...table.matchAll(/^\| `([\w.]+)` \|/gm)].map((row) => row[1])).toEqual(CLIENT_EVENT_TYPES);
});

test("docs/protocol.md names every event that the server can send", () => {
  const declared = read("client-sdk/src/protocol/server-events.ts");
  const bodies = declared.slice(declared.indexOf("export type RealtimeServerEvent"), declared.indexOf("export type ServerEventBody"));
  const types = [...bodies.matchAll(/"((?:session|error|input_audio_buffer|conversation|response|aloud)[\w.]*)"/g)].map(
    (match) => match[1] ?? "",
  );
  expect(types.length).toBeGreaterThan(20);
  expect(types.filter((type) => !page.includes(type))).toEqual([]);
});

test("docs/protocol.md lists the extensions under aloud.v1 only", () => {
  const stock = page.slice(page.indexOf("## Server events"), page.indexOf("## Extensions"));
  expect([...ALOUD_EVENT_TYPES].filter((type) => stock.includes(type))).toEqual([]);
});

test("docs/protocol.md states the limits that the gateway keeps", () => {
  const number = (n: number) => n.toLocaleString("en");
  expect(page).toContain(
    `Messages up to ${MAX_MESSAGE_BYTES / 1024} KiB, ${number(MESSAGES_PER_SECOND)} a second with bursts of ${number(MESSAGE_BURST)};`,
  );
  expect(page).toContain(`ends after ${MAX_SESSION_MS / 60_000} minutes, or after ${IDLE_TIMEOUT_MS / 60_000} minutes without a message`);
});
