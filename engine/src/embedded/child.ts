/**
 * Entry of the engine's child process: holds the model, runs the conversations, answers the host. It ends itself when the host goes
 * away, so no model is ever left behind.
 */
import { AloudError } from "@aloud/client/protocol";
import { EmbeddedConversation } from "./conversation.ts";
import { loadModel, type Model } from "./model.ts";
import type { CallId, ConversationId, FromChild, ToChild, WireError } from "./port.ts";
import { Scheduler } from "./scheduler.ts";

const scheduler = new Scheduler();
const conversations = new Map<ConversationId, EmbeddedConversation>();
const generations = new Map<CallId, AbortController>();
let model: Model | undefined;
let maxConversations = 0;

function send(message: FromChild): void {
  // A host that is gone is noticed by `disconnect`; there is nobody to tell.
  if (process.connected) process.send?.(message);
}

function toWire(thrown: unknown): WireError {
  if (thrown instanceof AloudError) return { code: thrown.code, message: thrown.message };
  console.error("aloud engine:", thrown);
  return { code: "engine_failed", message: "the engine failed; the server's log has the cause" };
}

function answer(call: CallId, work: Promise<unknown>): void {
  work.then(
    (value) => send({ type: "done", call, value: value as Extract<FromChild, { type: "done" }>["value"] }),
    (error: unknown) => send({ type: "failed", call, error: toWire(error) }),
  );
}

function conversationOf(id: ConversationId): EmbeddedConversation {
  const conversation = conversations.get(id);
  if (conversation === undefined) throw new AloudError("engine_unavailable", "the conversation is closed");
  return conversation;
}

async function load({ device, modelDir, contextTokens }: Extract<ToChild, { type: "load" }>): Promise<void> {
  try {
    const loaded = await loadModel(modelDir, (progress, message) => send({ type: "loading", progress, message }), device);
    model = { ...loaded, config: { ...loaded.config, contextTokens } };
    send({ type: "loaded", memoryBytes: process.memoryUsage.rss(), ...(loaded.note !== undefined && { note: loaded.note }) });
  } catch (error) {
    send({ type: "load-failed", error: toWire(error) });
  }
}

async function open(id: ConversationId, setup: Extract<ToChild, { type: "open" }>["setup"]): Promise<undefined> {
  if (model === undefined) throw new AloudError("engine_loading", "the model is not loaded yet");
  if (conversations.size >= maxConversations) throw new AloudError("engine_busy", `all ${maxConversations} conversations are taken`);
  const conversation = new EmbeddedConversation(model, scheduler, () => conversations.delete(id));
  conversations.set(id, conversation);
  try {
    await conversation.begin(setup);
  } catch (error) {
    await conversation.close();
    throw error;
  }
  return undefined;
}

async function generate({ conversation, call, request }: Extract<ToChild, { type: "generate" }>): Promise<undefined> {
  const abort = new AbortController();
  generations.set(call, abort);
  try {
    for await (const event of conversationOf(conversation).generate(request, abort.signal)) send({ type: "event", call, event });
  } finally {
    generations.delete(call);
  }
  return undefined;
}

function receive(message: ToChild): void {
  switch (message.type) {
    case "load":
      maxConversations = message.maxConversations;
      void load(message);
      return;
    case "open":
      answer(message.call, open(message.conversation, message.setup));
      return;
    case "append":
      answer(message.call, (async () => conversationOf(message.conversation).append(message.item))());
      return;
    // Host and conversation both number checkpoints in the order in which they are made, so the numbers agree.
    case "checkpoint":
      conversations.get(message.conversation)?.checkpoint();
      return;
    case "rollback":
      conversations.get(message.conversation)?.rollback({ id: message.checkpoint });
      return;
    case "generate":
      answer(message.call, generate(message));
      return;
    case "abort":
      generations.get(message.call)?.abort();
      return;
    case "close":
      void conversations.get(message.conversation)?.close();
      return;
    case "ping":
      send({ type: "pong", memoryBytes: process.memoryUsage.rss(), waiting: scheduler.waiting, stepsDone: scheduler.stepsDone });
      return;
    case "exit":
      void exit();
      return;
    default:
      message satisfies never;
  }
}

async function exit(): Promise<void> {
  await Promise.all([...conversations.values()].map((conversation) => conversation.close()));
  process.exit(0);
}

process.on("message", receive);
process.on("disconnect", () => process.exit(0));
// Ctrl-C in a terminal reaches the whole process group; the host decides when this process ends.
process.on("SIGINT", () => {});
