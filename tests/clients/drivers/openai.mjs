/** `openai` for JavaScript, over TLS. `node openai.mjs ws` uses its transport for Node, `native` the one for browsers. */
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { Inbox, pieces, play, sound, told } from "./scenes.mjs";

const Transport = process.argv[2] === "native" ? OpenAIRealtimeWebSocket : OpenAIRealtimeWS;
const client = new OpenAI({ baseURL: `${told.url}/v1`, apiKey: told.key });
const transcription = { model: "gpt-4o-mini-transcribe" };

/** Opens a session with these settings; `hold` is given what it needs, and the session is closed behind it. */
async function withSession(settings, hold, as = client) {
  const realtime = new Transport({ model: "nano" }, as);
  const inbox = new Inbox();
  realtime.on("event", (event) => inbox.put(event));
  realtime.on("error", (error) => inbox.put({ type: "client error", error }));
  const checked = (event) => {
    if (event.type === "client error") throw event.error;
    return event;
  };
  const is = (type) => (event) => event.type === type || event.type === "client error";
  const next = async (type) => checked(await inbox.take(is(type)));
  /** Words are told whenever they are known: before, within or after the answer. */
  const heard = async () => checked(await inbox.pick(is("conversation.item.input_audio_transcription.completed"))).transcript;
  await next("session.created");
  if (settings !== undefined) {
    realtime.send({ type: "session.update", session: { type: "realtime", ...settings } });
    await next("session.updated");
  }
  const speak = (name) => {
    for (const piece of pieces(sound(name))) realtime.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
  };
  const write = (text) => {
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    realtime.send({ type: "conversation.item.create", item });
    realtime.send({ type: "response.create" });
  };
  const said = async () => (await next("response.output_text.done")).text;
  const saw = await hold({ realtime, next, heard, speak, write, said });
  realtime.close();
  return saw;
}

await play({
  vad: () =>
    withSession({ audio: { input: { turn_detection: { type: "server_vad" }, transcription } } }, async ({ next, heard, speak, said }) => {
      speak("milk");
      return { heard: await heard(), said: await said(), ended: (await next("response.done")).response.status };
    }),
  "push-to-talk": () =>
    withSession({ audio: { input: { turn_detection: null } } }, async ({ realtime, next, speak, said }) => {
      speak("americano");
      realtime.send({ type: "input_audio_buffer.commit" });
      realtime.send({ type: "response.create" });
      return { said: await said(), ended: (await next("response.done")).response.status };
    }),
  text: () =>
    withSession(undefined, async ({ next, write, said }) => {
      write(told.text);
      return { said: await said(), ended: (await next("response.done")).response.status };
    }),
  "barge-in": () =>
    withSession({ audio: { input: { turn_detection: { type: "server_vad" } } } }, async ({ next, speak, write, said }) => {
      write(told.long);
      await next("response.output_text.delta");
      speak("milk");
      const { status, status_details } = (await next("response.done")).response;
      return {
        interrupted: `${status}, ${status_details.reason}`,
        said: await said(),
        ended: (await next("response.done")).response.status,
      };
    }),
  tool: () =>
    withSession({ tools: [{ type: "function", ...told.tool }] }, async ({ realtime, next, speak, said }) => {
      speak("milk");
      const { call_id, name, arguments: args } = await next("response.function_call_arguments.done");
      await next("response.done");
      realtime.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id, output: told.result } });
      realtime.send({ type: "response.create" });
      return { called: name, with: JSON.parse(args), said: await said(), ended: (await next("response.done")).response.status };
    }),
  "client secret": async () => {
    const secret = await client.realtime.clientSecrets.create({
      expires_after: { anchor: "created_at", seconds: 60 },
      session: { type: "realtime", instructions: "Be brief.", output_modalities: ["text"] },
    });
    const as = new OpenAI({ baseURL: `${told.url}/v1`, apiKey: secret.value });
    const seconds = secret.expires_at - Math.floor(Date.now() / 1_000);
    return withSession(
      undefined,
      async ({ next, write, said }) => {
        write(told.text);
        const saw = { said: await said(), ended: (await next("response.done")).response.status };
        return {
          prefix: secret.value.slice(0, 3),
          inTime: seconds > 50 && seconds <= 60,
          instructions: secret.session.instructions,
          ...saw,
        };
      },
      as,
    );
  },
});
