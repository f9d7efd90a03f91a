session.on("agent_end", (_context, _agent, said) => {
  console.log(said);
  session.close();
});
session.sendMessage("set a timer for five minutes");
