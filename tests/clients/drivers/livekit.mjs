/** `@livekit/agents-plugin-openai`: its model and session, driven as LiveKit's AgentSession drives them. */
import { initializeLogger, llm } from "@livekit/agents";
import * as openai from "@livekit/agents-plugin-openai";
import { AudioFrame } from "@livekit/rtc-node";
import { Inbox, pieces, play, sound, told } from "./scenes.mjs";

initializeLogger({ pretty: false, level: "warn" });

async function withSession({ options = {}, tools }, hold) {
  const model = new openai.realtime.RealtimeModel({
    baseURL: `${told.url}/v1`,
    apiKey: told.key,
    model: "nano",
    modalities: ["text"],
    ...options,
  });
  const session = model.session();
  const inbox = new Inbox();
  session.on("openai_server_event_received", (event) => inbox.put(event));
  session.on("generation_created", (generation) => inbox.put({ type: "generation", generation }));
  session.on("input_audio_transcription_completed", ({ transcript, isFinal }) =>
    inbox.put({ type: isFinal ? "heard" : "hearing", transcript }),
  );
  session.on("error", (error) => inbox.put({ type: "client error", error }));
  const checked = (event) => {
    if (event.type === "client error") throw event.error.error;
    return event;
  };
  const is = (type) => (event) => event.type === type || event.type === "client error";
  const next = async (type) => checked(await inbox.take(is(type)));
  const heard = async () => checked(await inbox.pick(is("heard"))).transcript;
  if (tools !== undefined) await session.updateTools(new llm.ToolContext(tools));
  const speak = (name) => {
    for (const piece of pieces(sound(name))) {
      const samples = new Int16Array(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
      session.pushAudio(new AudioFrame(samples, 24_000, 1, samples.length));
    }
  };
  const write = async (text) => {
    const context = session.chatCtx.copy();
    context.addMessage({ role: "user", content: text });
    await session.updateChatCtx(context);
    return session.generateReply();
  };
  const generation = async () => (await next("generation")).generation;
  const saw = await hold({ session, next, heard, speak, write, generation });
  await session.close();
  return saw;
}

async function read(stream, of) {
  const parts = [];
  for await (const part of stream) parts.push(await of(part));
  return parts;
}
/** Everything that a generation says. */
const textOf = async ({ messageStream }) =>
  (await read(messageStream, async ({ textStream }) => (await read(textStream, (part) => part)).join(""))).join("");
const callsOf = ({ functionStream }) => read(functionStream, (call) => call);

await play({
  vad: () =>
    withSession({}, async ({ heard, speak, generation }) => {
      speak("milk");
      return { heard: await heard(), said: await textOf(await generation()) };
    }),
  "push-to-talk": () =>
    withSession({ options: { turnDetection: null } }, async ({ session, speak }) => {
      speak("americano");
      await session.commitAudio();
      return { said: await textOf(await session.generateReply()) };
    }),
  text: () => withSession({}, async ({ write }) => ({ said: await textOf(await write(told.text)) })),
  "barge-in": () =>
    withSession({}, async ({ next, speak, write, generation }) => {
      const first = await write(told.long);
      await next("response.output_text.delta");
      speak("milk");
      const { status, status_details } = (await next("response.done")).response;
      await textOf(first);
      return { interrupted: `${status}, ${status_details.reason}`, said: await textOf(await generation()) };
    }),
  tool: () => {
    const order = llm.tool({ ...told.tool, execute: async () => told.result });
    return withSession({ tools: [order] }, async ({ session, speak, generation }) => {
      speak("milk");
      const first = await generation();
      const [[call]] = await Promise.all([callsOf(first), textOf(first)]);
      const output = await order.execute(JSON.parse(call.args), {});
      const context = session.chatCtx.copy();
      context.insert(llm.FunctionCallOutput.create({ callId: call.callId, name: call.name, output, isError: false }));
      await session.updateChatCtx(context);
      return { called: call.name, with: JSON.parse(call.args), said: await textOf(await session.generateReply()) };
    });
  },
});
