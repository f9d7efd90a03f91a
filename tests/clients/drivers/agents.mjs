/** `@openai/agents-realtime`, as an app uses it: an agent, a session, its history and its events. */
import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { Inbox, pieces, play, sound, told } from "./scenes.mjs";

async function withSession({ input, tools = [] }, hold) {
  const agent = new RealtimeAgent({ name: "Aloud", instructions: "Be brief.", tools });
  const session = new RealtimeSession(agent, {
    transport: "websocket",
    config: { outputModalities: ["text"], ...(input && { audio: { input } }) },
  });
  const inbox = new Inbox();
  session.on("agent_end", (_context, _agent, said) => inbox.put({ type: "agent_end", said }));
  session.on("agent_tool_end", (_context, _agent, { name }, result) => inbox.put({ type: "agent_tool_end", name, result }));
  session.on("transport_event", (event) => inbox.put(event));
  session.on("error", (error) => inbox.put({ type: "client error", error }));
  const next = async (type) => {
    const event = await inbox.take((candidate) => candidate.type === type || candidate.type === "client error");
    if (event.type === "client error") throw new Error(JSON.stringify(event.error));
    return event;
  };
  await session.connect({ apiKey: told.key, url: `${told.url.replace("http", "ws")}/v1/realtime?model=nano` });
  await next("session.updated");
  const speak = (name) => {
    for (const piece of pieces(sound(name))) session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  };
  const said = async () => (await next("agent_end")).said;
  const saw = await hold({ session, next, speak, said });
  session.close();
  return saw;
}

/** What the session's own history has of the user: its words. */
const heard = (session) => session.history.find(({ role }) => role === "user")?.content[0]?.transcript;

await play({
  vad: () =>
    withSession({}, async ({ session, next, speak, said }) => {
      speak("milk");
      const answer = await said();
      while (!heard(session)) await next("conversation.item.input_audio_transcription.completed");
      return { heard: heard(session), said: answer };
    }),
  "push-to-talk": () =>
    withSession({ input: { turnDetection: null } }, async ({ session, speak, said }) => {
      speak("americano");
      session.sendAudio(new ArrayBuffer(0), { commit: true });
      session.transport.requestResponse();
      return { said: await said() };
    }),
  text: () =>
    withSession({}, async ({ session, said }) => {
      session.sendMessage(told.text);
      return { said: await said() };
    }),
  "barge-in": () =>
    withSession({}, async ({ session, next, speak, said }) => {
      session.sendMessage(told.long);
      await next("response.output_text.delta");
      speak("milk");
      const { status, status_details } = (await next("response.done")).response;
      const begun = await said();
      return { interrupted: `${status}, ${status_details.reason}`, begun: begun.startsWith("One, two"), said: await said() };
    }),
  tool: () => {
    const calls = [];
    const order = tool({
      ...told.tool,
      strict: false,
      execute: async (args) => {
        calls.push(args);
        return told.result;
      },
    });
    return withSession({ tools: [order] }, async ({ next, speak, said }) => {
      speak("milk");
      const { name } = await next("agent_tool_end");
      // A response that only calls ends with nothing said, before or after the tool does.
      let answer = await said();
      if (answer === "") answer = await said();
      return { called: name, with: calls[0], said: answer };
    });
  },
});
