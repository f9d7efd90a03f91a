import { expect, test } from "vitest";
import { chooseSubprotocol } from "./subprotocol.ts";

test.each([
  [[], { subprotocol: undefined, dialect: "realtime" }],
  [["realtime"], { subprotocol: "realtime", dialect: "realtime" }],
  [["aloud.v1"], { subprotocol: "aloud.v1", dialect: "aloud" }],
  [["realtime", "aloud.v1"], { subprotocol: "aloud.v1", dialect: "aloud" }],
  [["realtime", "openai-insecure-api-key.sk-secret"], { subprotocol: "realtime", dialect: "realtime" }],
  [["openai-insecure-api-key.sk-secret"], { subprotocol: undefined, dialect: "realtime" }],
])("an offer of %j is answered with %j, and never with a key", (offered, expected) => {
  expect(chooseSubprotocol(offered)).toEqual(expected);
});
