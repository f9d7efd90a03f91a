/** Tools: offered to the engine, called in the order stock clients need, answered, followed up. */
import type { ScriptedOptions, ScriptedTurn } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import { readLegal } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession } from "../helpers/session.ts";

let session: TestSession;
afterEach(() => {
  readLegal("realtime", session.events);
  return session.close();
});

const light = { type: "function", name: "set_light", description: "Turns a light on or off.", parameters: { type: "object" } };
const timer = { type: "function", name: "set_timer", parameters: { type: "object", properties: { minutes: { type: "integer" } } } };
const call = (name: string, args = "{}") => ({ type: "tool_call", name, arguments: args }) as const;
const say = (text: string) => ({ channel: "answer", text }) as const;
/** Calls every tool it is offered, then says what came back. */
const callsAll: ScriptedOptions["answer"] = ({ tools, toolResults }) =>
  toolResults.length > 0
    ? [say(`Results: ${toolResults.join(", ")}.`)]
    : tools.length > 0
      ? tools.map((name) => call(name, '{"on":true}'))
      : [say("No tools.")];

async function ask(script: ScriptedOptions, update: Record<string, unknown>, response: Record<string, unknown> = {}): Promise<void> {
  session = openTestSession(script);
  session.send({ type: "session.update", session: { type: "realtime", ...update } });
  session.type("light please");
  session.send({ type: "response.create", response });
  await session.settle();
}
const answerCall = (call_id: string, output: string) =>
  session.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id, output } });
const text = () => session.last("response.done").response.output.at(-1)?.content?.[0]?.text;

describe("a call", () => {
  test("comes after what is said, complete, in OpenAI's order", async () => {
    await ask({ answer: () => [say("Sure. "), call("set_light", '{"on":true}')] }, { tools: [light] });
    const types = session.types();
    expect(types.slice(types.indexOf("response.output_text.done"))).toEqual([
      "response.output_text.done",
      "response.content_part.done",
      "conversation.item.done",
      "response.output_item.done",
      "response.output_item.added",
      "conversation.item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "conversation.item.done",
      "response.output_item.done",
      "response.done",
    ]);
    const { output, status } = session.last("response.done").response;
    expect(status).toBe("completed");
    expect(output[1]).toMatchObject({ type: "function_call", name: "set_light", arguments: '{"on":true}', status: "completed" });
    expect(session.all("response.output_item.added")[1]?.item).toMatchObject({
      arguments: "",
      status: "in_progress",
      call_id: output[1].call_id,
    });
    expect(session.last("response.function_call_arguments.done")).toMatchObject({ call_id: output[1].call_id, name: "set_light" });
    // The chain of items runs through the call.
    expect(session.all("conversation.item.added").at(-1)?.previous_item_id).toBe(output[0].id);
  });

  test("is answered by an output, and the follow-up response knows it", async () => {
    await ask({ answer: callsAll }, { tools: [light] });
    const { call_id, id } = session.last("response.done").response.output[0];
    answerCall(call_id, "ok");
    session.send({ type: "response.create" });
    await session.settle();
    expect(session.all("conversation.item.added").at(-2)).toMatchObject({
      item: { type: "function_call_output", output: "ok" },
      previous_item_id: id,
    });
    expect(text()).toBe("Results: ok.");
  });

  test("is answered at once by a client that does not wait for response.done, and still followed up", async () => {
    session = openTestSession({ answer: callsAll });
    session.send({ type: "session.update", session: { tools: [light] } });
    session.type("light please");
    session.send({ type: "response.create" });
    while (session.all("response.function_call_arguments.done").length === 0) await Promise.resolve();
    answerCall(session.last("response.function_call_arguments.done").call_id, "ok");
    session.send({ type: "response.create" });
    await session.settle();
    expect(session.all("error")).toEqual([]);
    expect(text()).toBe("Results: ok.");
  });

  test("one of several: they come together, and results in any order reach the model in theirs", async () => {
    await ask({ answer: callsAll }, { tools: [light, timer] });
    const [first, second] = session.last("response.done").response.output;
    expect([first.name, second.name]).toEqual(["set_light", "set_timer"]);
    answerCall(second.call_id, "timer runs");
    answerCall(first.call_id, "light is on");
    session.send({ type: "response.create" });
    await session.settle();
    expect(text()).toBe("Results: light is on, timer runs.");
  });

  test("is the only one where parallel calls are not wanted", async () => {
    await ask({ answer: callsAll }, { tools: [light, timer], parallel_tool_calls: false });
    expect(session.last("response.done").response.output).toHaveLength(1);
  });

  test("that the model cannot make right never reaches the app", async () => {
    await ask({ answer: () => [say("I will "), { end: "invalid_tool_call" }] }, { tools: [light] });
    const { status, status_details, output } = session.last("response.done").response;
    expect(status).toBe("failed");
    expect(status_details.error).toMatchObject({ type: "server_error", code: "tool_call_invalid" });
    expect(output.map(({ type }: { type: string }) => type)).toEqual(["message"]);
    expect(session.types().join()).not.toContain("function_call");
  });

  test("in an answer that is cancelled is none", async () => {
    session = openTestSession({ answer: () => [call("set_light"), say("Done.")], pace: "stepped" });
    session.send({ type: "session.update", session: { tools: [light] } });
    session.type("light please");
    session.send({ type: "response.create" });
    session.engine.release(1);
    await session.settle();
    session.send({ type: "response.cancel" });
    await session.settle();
    expect(session.last("response.done").response).toMatchObject({ status: "cancelled", output: [] });
  });

  test("of a spoken turn is held while it is only a draft", async () => {
    session = openTestSession({ answer: ({ tools }) => tools.map((name) => call(name)) });
    session.send({ type: "session.update", session: { tools: [light] } });
    session.speak(500);
    session.pause(300);
    await session.settle();
    expect(session.types()).not.toContain("response.created");
    session.pause(400);
    await session.settle();
    expect(session.last("response.done").response.output[0]).toMatchObject({ type: "function_call", name: "set_light" });
  });

  test("of an earlier session is taken over with its result", async () => {
    session = openTestSession({ answer: callsAll });
    session.send({ type: "conversation.item.create", item: { type: "function_call", call_id: "c1", name: "set_light", arguments: "{}" } });
    answerCall("c1", "ok");
    session.send({ type: "response.create" });
    await session.settle();
    expect(text()).toBe("Results: ok.");
  });

  test("that was never made cannot be answered", async () => {
    session = openTestSession();
    answerCall("c9", "ok");
    await session.settle();
    expect(session.last("error").error).toMatchObject({ code: "item_not_found", param: "item.call_id" });
  });
});

describe("tool_choice", () => {
  test("none offers no call to be made", async () => {
    await ask({ answer: ({ tools }) => [say("Hm. "), ...tools.map((name) => call(name))] }, { tools: [light] }, { tool_choice: "none" });
    expect(session.last("response.done").response.output).toHaveLength(1);
  });

  test("one function offers no other", async () => {
    const offered: (readonly string[])[] = [];
    const answer = (turn: ScriptedTurn) => {
      offered.push(turn.tools);
      return turn.tools.map((name) => call(name));
    };
    await ask({ answer }, { tools: [light, timer] }, { tool_choice: { type: "function", name: "set_timer" } });
    expect(offered).toEqual([["set_timer"]]);
    session.type("and now");
    session.send({ type: "response.create" });
    await session.settle();
    expect(offered.at(-1)).toEqual(["set_light", "set_timer"]);
  });

  test("required fails the response when the model calls nothing", async () => {
    await ask({ answer: () => [say("I would rather talk.")] }, { tools: [light], tool_choice: "required" });
    expect(session.last("response.done").response.status_details.error.code).toBe("tool_call_missing");
  });

  test.each([
    [
      "of a tool that is not declared",
      { tools: [light], tool_choice: { type: "function", name: "set_timer" } },
      "invalid_value",
      "session.tool_choice.name",
    ],
    ["of MCP", { tool_choice: { type: "mcp", server_label: "x" } }, "unsupported_value", "session.tool_choice.type"],
  ])("%s is refused, and nothing is changed", async (_what, update, code, param) => {
    await ask({}, { ...update, instructions: "Be brief." });
    expect(session.last("error").error).toMatchObject({ code, param });
    session.send({ type: "session.update", session: {} });
    await session.settle();
    expect(session.last("session.updated").session).toMatchObject({ tools: [], tool_choice: "auto", instructions: "" });
  });
});

test("tools are shown by the session, changed for one response, and taken back with []", async () => {
  await ask({ answer: callsAll }, { tools: [light] }, { tools: [timer] });
  expect(session.last("session.updated").session.tools).toEqual([light]);
  expect(session.last("response.done").response.output[0].name).toBe("set_timer");
  session.send({ type: "session.update", session: { tools: [] } });
  session.type("and now");
  session.send({ type: "response.create" });
  await session.settle();
  expect(session.last("session.updated").session.tools).toEqual([]);
  expect(text()).toBe("No tools.");
});

test("a tool of a kind that is not offered is refused by name", async () => {
  session = openTestSession();
  session.send({ type: "session.update", event_id: "e1", session: { tools: [light, { type: "mcp", server_label: "x" }] } });
  session.send({ type: "session.update", session: { tools: [light, light] } });
  await session.settle();
  expect(session.all("error").map(({ error }) => [error.code, error.param, error.event_id])).toEqual([
    ["unsupported_value", "session.tools[1].type", "e1"],
    ["invalid_value", "session.tools[1].name", null],
  ]);
});

test("a schema that is none is refused where it is declared, not when the tool is called", async () => {
  session = openTestSession();
  const broken = { ...timer, parameters: { type: "object", properties: { minutes: { type: "minutes" } } } };
  session.send({ type: "session.update", session: { tools: [light, broken], instructions: "Be brief." } });
  session.type("light please");
  session.send({ type: "response.create", response: { tools: [broken] } });
  session.send({ type: "session.update", session: {} });
  await session.settle();
  expect(session.all("error").map(({ error }) => [error.code, error.param])).toEqual([
    ["invalid_value", "session.tools[1].parameters"],
    ["invalid_value", "response.tools[0].parameters"],
  ]);
  expect(session.last("session.updated").session).toMatchObject({ tools: [], instructions: "" });
});
