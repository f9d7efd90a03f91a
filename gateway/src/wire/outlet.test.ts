import type { ServerEventBody } from "@aloud/client/protocol";
import { expect, test } from "vitest";
import { createOutlet } from "./outlet.ts";

const ack: ServerEventBody = { type: "aloud.ack", audio_seq: 3 };
const cleared: ServerEventBody = { type: "input_audio_buffer.cleared" };

test("createOutlet() keeps every extension from a plain connection", () => {
  const sent: string[] = [];
  const send = createOutlet("realtime", (json) => void sent.push(json));
  for (const event of [ack, cleared]) send(event);
  expect(sent.map((json) => JSON.parse(json))).toEqual([
    { type: "input_audio_buffer.cleared", event_id: expect.stringMatching(/^event_/) },
  ]);
});

test("createOutlet() numbers the events of aloud.v1 from 1", () => {
  const sent: string[] = [];
  const send = createOutlet("aloud", (json) => void sent.push(json));
  for (const event of [ack, cleared]) send(event);
  expect(sent.map((json) => JSON.parse(json).seq)).toEqual([1, 2]);
});
