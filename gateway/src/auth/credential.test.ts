import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { credentialOf, hasKeyInUrl } from "./credential.ts";

const request = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;
const offering = (protocols: string, more: Record<string, string> = {}) => request({ "sec-websocket-protocol": protocols, ...more });

describe("credentialOf()", () => {
  test("reads the header, in any case of its scheme", () => {
    for (const authorization of ["Bearer ak_1", "bearer ak_1", "BEARER  ak_1"])
      expect(credentialOf(request({ authorization }))).toEqual({ form: "header", value: "ak_1" });
  });

  test("reads the subprotocol that browsers send, wherever it stands", () => {
    const found = { form: "subprotocol", value: "ek_1" };
    expect(credentialOf(offering("realtime, openai-insecure-api-key.ek_1, openai-project.p"))).toEqual(found);
    expect(credentialOf(offering("openai-insecure-api-key.ek_1,aloud.v1"))).toEqual(found);
  });

  test("prefers the header, as only programs can set one", () => {
    expect(credentialOf(offering("openai-insecure-api-key.ek_1", { authorization: "Bearer ak_2" }))).toEqual({
      form: "header",
      value: "ak_2",
    });
  });

  test("finds none where there is none", () => {
    expect(credentialOf(request({}))).toEqual({ form: "none" });
    expect(credentialOf(offering("realtime, aloud.v1"))).toEqual({ form: "none" });
  });

  test.each(["Basic dXNlcjpjYW5hcnk=", "Bearer", "Bearer a b", "ak_canary"])(
    "refuses the header %j without repeating it",
    (authorization) => {
      expect(() => credentialOf(request({ authorization }))).toThrow("expected the header Authorization: Bearer KEY");
    },
  );

  test("reads no novel", () => {
    expect(() => credentialOf(request({ authorization: `Bearer ${"x".repeat(300)}` }))).toThrow("a key of 300 characters exceeds 256");
  });
});

test.each([
  ["/v1/realtime", false],
  ["/v1/realtime?model=gpt-realtime&call_id=1", false],
  ["/v1/realtime?api-key=x", true],
  ["/v1/realtime?model=any&Access_Token=x", true],
  ["/v1/realtime?anything=ak_3f9a1b2c4d5e_x", true],
  ["/v1/realtime?anything=ek_x", true],
  [undefined, false],
])("hasKeyInUrl(%j) is %j", (url, expected) => {
  expect(hasKeyInUrl(url)).toBe(expected);
});
