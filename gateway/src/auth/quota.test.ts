import type { AloudError } from "@aloud/client/protocol";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../tests/helpers/virtual-clock.ts";
import type { ApiKey } from "./keys-file.ts";
import { Quotas } from "./quota.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const keyWith = (limits: Partial<ApiKey>): ApiKey => ({
  id: "k",
  name: "laptop",
  hash: Buffer.alloc(32),
  created: "2026-01-01",
  sessions: undefined,
  minutesPerDay: undefined,
  ...limits,
});

function setUp(limits: Partial<ApiKey>) {
  const clock = new VirtualClock();
  let key = keyWith(limits);
  const quotas = new Quotas(clock, () => key);
  const ended: AloudError[] = [];
  return {
    clock,
    quotas,
    ended,
    admit: () => quotas.admit(key, (error) => ended.push(error)),
    change: (next: Partial<ApiKey>) => {
      key = keyWith(next);
    },
  };
}

describe("sessions at a time", () => {
  test("are refused beyond the key's number, with a time to come back, and free again when one ends", () => {
    const { admit } = setUp({ sessions: 2 });
    const first = admit();
    admit();
    expect(admit).toThrow(expect.objectContaining({ code: "rate_limit_exceeded", retryAfterMs: 5_000 }));
    first();
    first();
    admit();
    expect(admit).toThrow("2 session(s) at a time");
  });

  test("have no bound where none is set, and none where it is 0", () => {
    const { admit, quotas } = setUp({});
    for (let n = 0; n < 50; n++) admit();
    expect(quotas.usage("k").sessions).toBe(50);
    expect(setUp({ sessions: 0 }).admit).toThrow("this key may open no sessions");
  });
});

describe("minutes of a day", () => {
  test("end all running sessions in the moment in which they are used up, and refuse new ones until midnight", () => {
    const { clock, ended, admit, quotas } = setUp({ minutesPerDay: 10 });
    admit();
    clock.advance(2 * MINUTE);
    admit();
    clock.advance(4 * MINUTE - 1);
    expect(ended).toEqual([]);
    clock.advance(1);
    expect(ended.map(({ code }) => code)).toEqual(["insufficient_quota", "insufficient_quota"]);
    expect(quotas.usage("k").todayMs).toBe(10 * MINUTE);
    expect(admit).toThrow(expect.objectContaining({ code: "insufficient_quota", retryAfterMs: DAY - 6 * MINUTE }));
  });

  test("begin anew at midnight, for running sessions as well", () => {
    const { clock, ended, admit, quotas } = setUp({ minutesPerDay: 10 });
    clock.advance(DAY - 8 * MINUTE);
    const countOut = admit();
    clock.advance(8 * MINUTE + 9 * MINUTE);
    expect(ended).toEqual([]);
    expect(quotas.usage("k")).toEqual({ sessions: 1, todayMs: 9 * MINUTE, totalMs: 17 * MINUTE });
    clock.advance(MINUTE);
    expect(ended).toHaveLength(1);
    countOut();
    clock.advance(DAY);
    admit();
    expect(quotas.usage("k").todayMs).toBe(0);
  });

  test("that are lowered in the file end a running session within a minute", () => {
    const { clock, ended, admit, change } = setUp({ minutesPerDay: 600 });
    admit();
    clock.advance(5 * MINUTE);
    change({ minutesPerDay: 1 });
    clock.advance(MINUTE);
    expect(ended).toHaveLength(1);
  });
});

test("nothing is left to fire once the last session is counted out, or the key is gone", () => {
  const { clock, admit, quotas } = setUp({ minutesPerDay: 10 });
  const countOut = admit();
  expect(clock.pending()).toBe(1);
  countOut();
  expect(clock.pending()).toBe(0);
  const late = admit();
  quotas.forget("k");
  expect(clock.pending()).toBe(0);
  late();
  expect(clock.pending()).toBe(0);
  expect(quotas.usage("k")).toEqual({ sessions: 0, todayMs: 0, totalMs: 0 });
});
