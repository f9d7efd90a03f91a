import { readFileSync } from "node:fs";
import { ALOUD_EVENT_TYPES, AloudError, CLIENT_EVENT_TYPES, parseClientEvent, REALTIME_EVENT_TYPES } from "@aloud/client/protocol";
import { describe, expect, test } from "vitest";
import { IDLE_TIMEOUT_MS, MAX_MESSAGE_BYTES, MAX_SESSION_MS, MESSAGE_BURST, MESSAGES_PER_SECOND } from "../../gateway/src/limits.ts";
import { GA_CLIENT_EVENTS, GA_SERVER_EVENTS } from "./ga-events.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/protocol.md");

test("docs/protocol.md has one row for each client event, in the order of the code", () => {
  const table = page.slice(page.indexOf("## Client events"), page.indexOf("## Session"));
  expect([...table.matchAll(/^\| `([\w.]+)` \|/gm)].map((row) => row[1])).toEqual(CLIENT_EVENT_TYPES);
});

describe("the table of every event of the Realtime schema", () => {
  const section = page.slice(page.indexOf("## Every event"), page.indexOf("## Extensions"));
  const rows = [...section.matchAll(/^\| `([\w.]+)` \| (client|server) \| (supported|not applicable|refused: `(\w+)`) \| .*\|$/gm)].map(
    (row) => ({
      type: row[1] ?? "",
      from: row[2],
      is: row[4] === undefined ? row[3] : "refused",
      code: row[4],
    }),
  );
  const of = (from: string, ...states: string[]) =>
    rows.filter((row) => row.from === from && (states.length === 0 || states.includes(row.is ?? ""))).map(({ type }) => type);
  const codeOf = (type: string) => {
    try {
      parseClientEvent(JSON.stringify({ type }));
      return undefined;
    } catch (error) {
      return AloudError.from(error).code;
    }
  };

  test("has each of them once", () => {
    expect(of("client")).toEqual(GA_CLIENT_EVENTS);
    expect(of("server")).toEqual(GA_SERVER_EVENTS);
  });

  test("says which the server takes, and what it answers to the others", () => {
    expect(of("client", "supported")).toEqual(CLIENT_EVENT_TYPES.filter((type) => !type.startsWith("aloud.")));
    for (const { type, code } of rows.filter(({ from, is }) => from === "client" && is === "refused"))
      expect(codeOf(type), type).toBe(code);
    expect(of("client", "not applicable")).toEqual([]);
  });

  test("says which the server sends, and no other is ever sent", () => {
    expect(of("server", "supported").toSorted()).toEqual(REALTIME_EVENT_TYPES.toSorted());
    expect(of("server", "refused")).toEqual([]);
  });
});

test("docs/protocol.md describes every extension", () => {
  const extensions = page.slice(page.indexOf("## Extensions"), page.indexOf("## Limits"));
  expect([...ALOUD_EVENT_TYPES].filter((type) => !extensions.includes(type))).toEqual([]);
});

test("docs/protocol.md lists the extensions under aloud.v1 only", () => {
  const table = page.slice(page.indexOf("## Every event"), page.indexOf("## Extensions"));
  expect([...ALOUD_EVENT_TYPES].filter((type) => table.includes(type))).toEqual([]);
});

test("docs/protocol.md states the limits that the gateway keeps", () => {
  const number = (n: number) => n.toLocaleString("en");
  expect(page).toContain(
    `Messages up to ${MAX_MESSAGE_BYTES / 1024} KiB, ${number(MESSAGES_PER_SECOND)} a second with bursts of ${number(MESSAGE_BURST)};`,
  );
  expect(page).toContain(`ends after ${MAX_SESSION_MS / 60_000} minutes, or after ${IDLE_TIMEOUT_MS / 60_000} minutes without a message`);
});
