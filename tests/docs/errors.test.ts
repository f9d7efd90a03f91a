import { readFileSync } from "node:fs";
import { ERRORS } from "@aloud/client/protocol";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

test("docs/errors.md has exactly one row for each error code, and says the same as the code", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| (yes|no) \| (.+) \| (\d*) ?\|$/gm)].map((row) => ({
    code: row[1],
    fate: row[2],
    retryable: row[3] === "yes",
    closeCode: row[5] ? Number(row[5]) : undefined,
  }));
  const codes = Object.entries(ERRORS).map(([code, row]) => ({
    code,
    fate: row.fate,
    retryable: row.retryable,
    closeCode: "closeCode" in row ? row.closeCode : undefined,
  }));
  expect(rows).toEqual(codes);
});

test("what closes a connection has a close code, and what fails a request has none", () => {
  for (const [code, row] of Object.entries(ERRORS)) {
    expect("closeCode" in row, code).toBe(row.fate !== "failure");
  }
});
