realtime.on("error", (error) => {
  throw error;
});
realtime.on("session.created", () => {
  const content = [{ type: "input_text", text: "set a timer for five minutes" }];
  realtime.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  realtime.send({ type: "response.create" });
});
realtime.on("response.output_text.done", ({ text }) => {
  console.log(text);
  realtime.close();
});
