import { AloudError } from "@aloud/client/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseClientSecretRequest } from "./client-secrets.ts";

describe("parseClientSecretRequest()", () => {
  test("takes nothing, or OpenAI's example, or our extension", () => {
    expect(parseClientSecretRequest(undefined)).toEqual({ seconds: 600, maxUses: 10, origin: undefined, session: {}, extended: false });
    const body = {
      expires_after: { anchor: "created_at", seconds: 60 },
      session: { type: "realtime", model: "gpt-realtime", instructions: "Be kind.", audio: { output: { voice: "marin" } } },
    };
    expect(parseClientSecretRequest(body)).toMatchObject({ seconds: 60, session: { instructions: "Be kind." } });
    expect(parseClientSecretRequest({ aloud: { origin: "https://app.example", max_uses: 1 } })).toMatchObject({
      origin: "https://app.example",
      maxUses: 1,
      extended: true,
    });
  });

  test.each([
    [{ expires_after: { seconds: 9 } }, "expires_after.seconds: expected an integer from 10 to 7200, got 9"],
    [{ expires_after: { seconds: 7_201 } }, "expires_after.seconds: expected an integer from 10 to 7200, got 7201"],
    [{ expires_after: { seconds: 60.5 } }, "expires_after.seconds: expected an integer"],
    [{ expires_after: { anchor: "now" } }, 'expires_after.anchor: expected "created_at", got "now"'],
    [{ session: { instructions: 5 } }, "session.instructions: expected a string, got 5"],
    [{ aloud: { max_uses: 0 } }, "aloud.max_uses: expected an integer from 1 to 1000, got 0"],
    [{ aloud: { origin: "https://app.example/" } }, "aloud.origin: expected an origin like https://app.example"],
    [{ aloud: { origin: "app.example" } }, "aloud.origin: expected an origin"],
    [{ aloud: { origin: "null" } }, "aloud.origin: expected an origin"],
    [[], "expected a JSON object"],
  ])("refuses %j and names the field", (body, message) => {
    expect(() => parseClientSecretRequest(body)).toThrow(message);
  });

  test("makes a request or a typed error of anything", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.record({ expires_after: fc.jsonValue(), session: fc.jsonValue(), aloud: fc.jsonValue() }, { requiredKeys: [] }),
        ),
        (body) => {
          try {
            const { seconds, maxUses } = parseClientSecretRequest(body);
            expect(seconds >= 10 && seconds <= 7_200 && maxUses >= 1).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(AloudError);
          }
        },
      ),
      { seed: 9, numRuns: 2_000 },
    );
  });
});
