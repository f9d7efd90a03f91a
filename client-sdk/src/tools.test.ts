import { expect, test } from "vitest";
import type { ClientEvent } from "./protocol/client-events.ts";
import type { FunctionCallItem } from "./protocol/items.ts";
import type { ResponseObject, ServerEvent } from "./protocol/server-events.ts";
import { createToolbox } from "./tools.ts";

const call = (name: string, args: string): FunctionCallItem => ({
  id: `item_${name}`,
  object: "realtime.item",
  type: "function_call",
  status: "completed",
  call_id: `call_${name}`,
  name,
  arguments: args,
});

function done(output: readonly FunctionCallItem[], fields: Partial<ResponseObject> = {}): ServerEvent {
  const response: ResponseObject = {
    object: "realtime.response",
    id: "r1",
    conversation_id: "conv_1",
    status: "completed",
    status_details: null,
    output,
    output_modalities: ["text"],
    max_output_tokens: "inf",
    metadata: null,
    usage: null,
    ...fields,
  };
  return { type: "response.done", event_id: "e1", response };
}

function toolbox() {
  const sent: ClientEvent[] = [];
  const box = createToolbox(
    {
      add: { parameters: { type: "object" }, run: ({ a, b }) => ({ sum: Number(a) + Number(b) }) },
      say: { description: "Says so.", run: async () => "done" },
      fail: {
        run: () => {
          throw new Error("no such room");
        },
      },
      nothing: { run: () => undefined },
    },
    (event) => sent.push(event),
  );
  const outputs = () => sent.flatMap((event) => (event.type === "conversation.item.create" ? [event.item] : []));
  return { box, sent, outputs };
}

test("declares its tools as the session wants them", () => {
  expect(toolbox().box.session.tools.slice(0, 2)).toEqual([
    { type: "function", name: "add", parameters: { type: "object" } },
    { type: "function", name: "say", description: "Says so.", parameters: { type: "object", properties: {} } },
  ]);
});

test("answers every call of a response, then asks for one response to all of them", async () => {
  const { box, sent, outputs } = toolbox();
  await box.handle(done([call("add", '{"a":1,"b":2}'), call("say", "{}"), call("fail", "{}"), call("nothing", "{}")]));
  expect(outputs()).toMatchObject([
    { type: "function_call_output", call_id: "call_add", output: '{"sum":3}' },
    { call_id: "call_say", output: "done" },
    { call_id: "call_fail", output: '{"error":"no such room"}' },
    { call_id: "call_nothing", output: "ok" },
  ]);
  expect(sent.map(({ type }) => type).slice(-2)).toEqual(["conversation.item.create", "response.create"]);
});

test("leaves alone what is none of its business", async () => {
  const { box, sent } = toolbox();
  await box.handle(done([call("other", "{}"), call("constructor", "{}")]));
  await box.handle(done([call("say", "{}")], { status: "cancelled" }));
  await box.handle({ type: "input_audio_buffer.cleared", event_id: "e2" });
  expect(sent).toEqual([]);
});

test("asks for no response to an answer outside the conversation", async () => {
  const { box, sent } = toolbox();
  await box.handle(done([call("say", "{}")], { conversation_id: null }));
  expect(sent.map(({ type }) => type)).toEqual(["conversation.item.create"]);
});
