/** Whatever a client does, in whatever order: the events it gets are legal, no session is stuck, and nothing is left of it. */
import { ALOUD_EVENT_TYPES } from "@aloud/client/protocol";
import type { ScriptedStep, ScriptedTurn } from "@aloud/engine/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { EventGrammar } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession, tone } from "../helpers/session.ts";

interface Scene {
  readonly session: TestSession;
  readonly grammar: EventGrammar;
  /** A number of the run's own, for choices within an act. */
  readonly pick: number;
}
type Act = (scene: Scene) => void;

const send =
  (event: Record<string, unknown>): Act =>
  ({ session }) =>
    session.send(event);
const settings = (update: Record<string, unknown>) => send({ type: "session.update", session: { type: "realtime", ...update } });
const detection = (turn_detection: unknown) => settings({ audio: { input: { turn_detection } } });
const respond = (response: Record<string, unknown>) => send({ type: "response.create", response });
/** An item that the client knows, or one that never was. */
const someItem = ({ grammar, pick }: Scene) => grammar.order[pick % (grammar.order.length + 1)] ?? "item_unknown";
const onItem =
  (type: string): Act =>
  (scene) =>
    scene.session.send({ type, item_id: someItem(scene), content_index: 0, audio_end_ms: 100 });

const message = (role: string, text: string) => ({
  type: "message",
  role,
  content: [{ type: role === "assistant" ? "output_text" : "input_text", text }],
});
const tools = ["set_light", "set_timer"].map((name) => ({ type: "function", name, parameters: { type: "object" } }));

const ACTS: Readonly<Record<string, Act>> = {
  "says something and waits": ({ session }) => {
    session.speak(400);
    session.pause(700);
  },
  "says more": ({ session }) => {
    session.speak(300);
    session.pause(600);
  },
  "says a sentence": ({ session }) => session.speak(500),
  "says a syllable": ({ session }) => session.speak(100),
  "takes breath": ({ session }) => session.pause(200),
  "pauses for long": ({ session }) => session.pause(900),
  "stops sending": ({ session }) => session.clock.advance(2_700),
  "waits for very long": ({ session }) => session.clock.advance(9_000),
  commits: send({ type: "input_audio_buffer.commit" }),
  clears: send({ type: "input_audio_buffer.clear" }),
  types: ({ session }) => session.type("turn on the lights"),
  "inserts a message": (scene) => {
    const previous_item_id = scene.pick % 3 === 0 ? "root" : someItem(scene);
    scene.session.send({ type: "conversation.item.create", previous_item_id, item: message("assistant", "As I said.") });
  },
  "adds speech as an item": send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_audio", audio: tone(200) }] },
  }),
  "tells of an earlier call": send({
    type: "conversation.item.create",
    item: { type: "function_call", call_id: "call_earlier", name: "set_light", arguments: "" },
  }),
  "answers a call": ({ session, pick }) => {
    const calls = session.all("response.function_call_arguments.done");
    const call_id = calls[pick % (calls.length + 1)]?.call_id ?? "call_earlier";
    session.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id, output: "ok" } });
  },
  retrieves: onItem("conversation.item.retrieve"),
  deletes: onItem("conversation.item.delete"),
  truncates: onItem("conversation.item.truncate"),
  "asks for a response": respond({}),
  "asks for a short response": respond({ instructions: "Be brief.", max_output_tokens: 1, metadata: { client_event_id: "x" } }),
  "asks for a call": respond({ tools, tool_choice: "required" }),
  "asks about an input of its own": (scene) => {
    const input = [{ type: "item_reference", id: someItem(scene) }, message("user", "and this")];
    scene.session.send({ type: "response.create", response: { input } });
  },
  "asks beside the conversation": respond({ conversation: "none", reasoning: { effort: "none" } }),
  cancels: send({ type: "response.cancel" }),
  "cancels one response": ({ session, grammar, pick }) => {
    const response_id = grammar.openResponses[pick % (grammar.openResponses.length + 1)] ?? "resp_unknown";
    session.send({ type: "response.cancel", response_id });
  },
  "turns to push-to-talk": detection(null),
  "turns to voice detection": detection({ type: "server_vad", silence_duration_ms: 500 }),
  "wants no response": detection({ type: "server_vad", create_response: false }),
  "wants no interruption": detection({ type: "server_vad", create_response: true, interrupt_response: false }),
  "wants to be asked when silent": detection({
    type: "server_vad",
    create_response: true,
    interrupt_response: true,
    idle_timeout_ms: 5_000,
  }),
  "wants its turns judged": detection({ type: "semantic_vad", eagerness: "high" }),
  "wants transcripts": settings({ audio: { input: { transcription: { model: "any" } } } }),
  "wants no transcripts": settings({ instructions: "", audio: { input: { transcription: null } } }),
  "declares tools": settings({ instructions: "Be kind.", tools }),
  "takes tools back": settings({ tools: [], tool_choice: "auto" }),
  "sends G.711": settings({ audio: { input: { format: { type: "audio/pcmu" } } } }),
  "sends PCM": settings({ audio: { input: { format: { type: "audio/pcm", rate: 24_000 } } } }),
  "keeps little": settings({ truncation: { type: "retention_ratio", retention_ratio: 0.2, token_limits: { post_instructions: 8 } } }),
  "forbids truncation": settings({ truncation: "disabled" }),
  "lets the engine speak": ({ session }) => session.engine.release(4),
  "lets the engine speak on": ({ session }) => session.engine.release(1),
  "sees the engine crash": ({ session }) => session.engine.crash(),
  "sends nonsense": send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_image" }] } }),
};
const NAMES = Object.keys(ACTS);

/** Says, thinks, calls, fails, whatever the turn: the gateway has to cope with all of it. */
function answer(turn: ScriptedTurn): readonly ScriptedStep[] {
  const heard = turn.audioSamples > 0 ? [{ transcript: turn.audioSamples % 3 === 0 ? "" : "turn on" }] : [];
  const thought = { channel: "semantic", text: "They want light." } as const;
  const words = ["Lights ", "are ", "on."].map((text) => ({ channel: "answer", text }) as const);
  const call = turn.tools.map((name) => ({ type: "tool_call", name, arguments: '{"on":true}' }) as const);
  if (call.length > 0 && turn.toolResults.length === 0)
    return turn.index % 3 === 2
      ? [...heard, thought, { end: "invalid_tool_call" }]
      : [...heard, thought, ...call.slice(0, 1 + (turn.index % 2))];
  return turn.index % 5 === 4 ? [...heard, thought, words[0] ?? "stall", { end: "length" }] : [...heard, thought, ...words];
}

async function play(dialect: "realtime" | "aloud", acts: readonly (readonly [number, number, boolean])[]): Promise<void> {
  const session = openTestSession(
    {
      answer,
      pace: "stepped",
      prefilled: ({ audioSamples }) => ({
        transcript: { stable: audioSamples > 8_000 ? "turn " : "", tail: "on" },
        ...(audioSamples % 2 === 0 && { endOfTurn: (audioSamples % 7) / 7 }),
      }),
    },
    dialect,
  );
  const grammar = new EventGrammar(dialect);
  let read = 0;
  const look = () => {
    for (const event of session.events.slice(read)) grammar.accept(event);
    read = session.events.length;
  };
  try {
    for (const [index, pick, waits] of acts) {
      ACTS[NAMES[index] ?? ""]?.({ session, grammar, pick });
      if (waits) await session.settle();
      look();
    }
    // Whatever still runs is let go; then a question has to be answered like the first.
    session.engine.releaseAll();
    session.send({ type: "input_audio_buffer.clear" });
    session.send({ type: "session.update", session: { truncation: "auto", audio: { input: { turn_detection: null } } } });
    await session.settle();
    look();
    expect(grammar.openResponses, "a response that never ends").toEqual([]);
    session.type("are you there");
    session.send({ type: "response.create", response: { tools: [], tool_choice: "auto" } });
    await session.settle();
    look();
    expect(session.last("response.done").response.status, "the answer to the last question").toMatch(/completed|incomplete/);
    if (dialect === "realtime") expect(session.types().filter((type) => ALOUD_EVENT_TYPES.has(type))).toEqual([]);
  } finally {
    await session.close();
  }
  expect(session.engine.openConversations).toBe(0);
  expect(session.clock.pending()).toBe(0);
}

test("1,000 random interleavings of what clients send are answered with legal events, and leave nothing behind", async () => {
  const act = fc.tuple(fc.integer({ min: 0, max: NAMES.length - 1 }), fc.integer({ min: 0, max: 11 }), fc.boolean());
  const acts = fc.array(act, { minLength: 5, maxLength: 16 });
  await fc.assert(fc.asyncProperty(fc.constantFrom("realtime" as const, "aloud" as const), acts, play), { numRuns: 1_000, seed: 5 });
}, 240_000);

test("the grammar notices any event that is missing, doubled or out of place", async () => {
  const session = openTestSession({ answer, prefilled: () => ({ transcript: { stable: "turn ", tail: "on" } }) });
  ACTS["declares tools"]?.({ session, grammar: new EventGrammar("realtime"), pick: 0 });
  ACTS["wants transcripts"]?.({ session, grammar: new EventGrammar("realtime"), pick: 0 });
  ACTS["says something and waits"]?.({ session, grammar: new EventGrammar("realtime"), pick: 0 });
  await session.settle();
  session.send({ type: "session.update", session: { tools: [] } });
  session.type("and now");
  session.send({ type: "response.create" });
  await session.settle();
  const legal = session.events;
  await session.close();
  const isLegal = (events: typeof legal) => {
    const grammar = new EventGrammar("realtime");
    try {
      for (const event of events) grammar.accept(event);
      return grammar.openResponses.length === 0;
    } catch {
      return false;
    }
  };
  expect(legal.filter(({ type }) => type === "response.done")).toHaveLength(2);
  expect(isLegal(legal)).toBe(true);
  legal.forEach((event, index) => {
    const isStructural = /^(session\.created|input_audio|conversation\.item\.(added|done)|response\.)/.test(event.type);
    // A client may commit in mid-speech: then there is no such event.
    const mayMiss = event.type === "input_audio_buffer.speech_stopped";
    if (isStructural && !mayMiss) expect(isLegal(legal.toSpliced(index, 1)), `without ${index} ${event.type}`).toBe(false);
    const again = legal.toSpliced(index, 0, { ...event, event_id: "again" });
    if (isStructural) expect(isLegal(again), `${index} ${event.type} twice`).toBe(false);
  });
});
