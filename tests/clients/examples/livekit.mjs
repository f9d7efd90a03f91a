import { initializeLogger } from "@livekit/agents";

initializeLogger({ pretty: false, level: "warn" });
const session = model.session();
const context = session.chatCtx.copy();
context.addMessage({ role: "user", content: "set a timer for five minutes" });
await session.updateChatCtx(context);
const { messageStream } = await session.generateReply();
for await (const { textStream } of messageStream) {
  let said = "";
  for await (const part of textStream) said += part;
  console.log(said);
}
await session.close();
process.exit(0);
