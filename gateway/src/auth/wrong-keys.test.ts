import { AloudError } from "@aloud/client/protocol";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../tests/helpers/virtual-clock.ts";
import { MAX_WRONG_KEY_ADDRESSES, WRONG_KEY_BURST } from "../limits.ts";
import { WrongKeys } from "./wrong-keys.ts";

const wrong = new AloudError("invalid_api_key", "wrong");

test("an address hears what was wrong so often, then that it asks too often, and after a while what was wrong again", () => {
  const clock = new VirtualClock();
  const wrongKeys = new WrongKeys(clock);
  const ask = (address: string) => wrongKeys.count(address, wrong).code;
  for (let n = 0; n < WRONG_KEY_BURST; n++) expect(ask("a")).toBe("invalid_api_key");
  expect(wrongKeys.count("a", wrong)).toMatchObject({ code: "rate_limit_exceeded", retryAfterMs: 5_000 });
  expect(ask("b")).toBe("invalid_api_key");
  clock.advance(5_000);
  expect([ask("a"), ask("a")]).toEqual(["invalid_api_key", "rate_limit_exceeded"]);
});

test("of very many addresses, those that were quiet longest are forgotten", () => {
  const wrongKeys = new WrongKeys(new VirtualClock());
  const tire = (address: string) => {
    while (wrongKeys.count(address, wrong).code === "invalid_api_key");
  };
  tire("busy");
  tire("quiet");
  for (let n = 0; n < MAX_WRONG_KEY_ADDRESSES - 1; n++) {
    wrongKeys.count(String(n), wrong);
    wrongKeys.count("busy", wrong);
  }
  expect(wrongKeys.count("busy", wrong).code).toBe("rate_limit_exceeded");
  expect(wrongKeys.count("quiet", wrong).code).toBe("invalid_api_key");
});
