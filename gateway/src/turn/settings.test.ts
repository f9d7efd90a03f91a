import { applySessionPatch, defaultSession, type ResponseParams } from "@aloud/client/protocol";
import { expect, test } from "vitest";
import { responseSettings } from "./settings.ts";

const tools = [
  { type: "function", name: "set_light", parameters: {} },
  { type: "function", name: "set_timer", parameters: {} },
] as const;
const session = applySessionPatch(defaultSession("scripted"), { tools }, "realtime");

test.each<[string, ResponseParams, string]>([
  ["leaves it to the model", {}, "auto"],
  ["forbids calls", { tool_choice: "none" }, "none"],
  ["demands a call", { tool_choice: "required" }, "required"],
  ["demands one function", { tool_choice: { type: "function", name: "set_timer" } }, "required"],
])("a response that %s tells the engine so", (_what, params, expected) => {
  expect(responseSettings(session, params, () => undefined).request.toolChoice).toBe(expected);
});
