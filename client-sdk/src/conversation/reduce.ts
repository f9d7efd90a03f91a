/**
 * `(conversation, event) → conversation`: pure, synchronous, total. Events that it does not know, or that speak of a turn that
 * is gone, change nothing, so that a newer server or a dropped turn does no harm.
 */
import type { ConversationItem, MessageItem } from "../protocol/items.ts";
import type { ResponseObject, ServerEvent } from "../protocol/server-events.ts";
import { type Conversation, MAX_TURNS, type Turn, type TurnError, type TurnStatus } from "./conversation.ts";

export function reduce(conversation: Conversation, event: ServerEvent): Conversation {
  switch (event.type) {
    case "session.created":
    case "session.updated":
      return { ...conversation, sessionId: event.session.id, model: event.session.model };
    case "aloud.engine.status": {
      const { state, progress, model, devices, queue_position, message } = event;
      return { ...conversation, engine: { state, progress, model, devices, queue_position, message } };
    }
    case "error":
      return { ...conversation, error: { code: event.error.code, message: event.error.message } };
    case "input_audio_buffer.speech_started":
      return withInput(conversation, event.item_id, "listening");
    case "input_audio_buffer.committed":
      return withInput(conversation, event.item_id, "heard");
    case "input_audio_buffer.cleared":
      return { ...conversation, turns: conversation.turns.filter((turn) => turn.status !== "listening") };
    case "conversation.item.added":
      return withAdded(conversation, event.item);
    case "conversation.item.input_audio_transcription.delta":
      return change(conversation, byItem(event.item_id), (turn) => ({ transcript: turn.transcript + event.delta }));
    case "conversation.item.input_audio_transcription.completed":
      return change(conversation, byItem(event.item_id), () => ({ transcript: event.transcript, isTranscribed: true }));
    case "conversation.item.input_audio_transcription.failed":
      return change(conversation, byItem(event.item_id), (turn) => ({
        isTranscribed: true,
        // The server says so of a turn that it will not answer, too: it was a noise.
        ...(turn.status === "heard" && { status: "unheard" as const }),
      }));
    case "response.created":
      return withResponse(conversation, event.response.id);
    case "response.output_item.added":
    case "response.output_item.done": {
      if (event.item.type !== "reasoning") return conversation;
      const isThinking = event.type === "response.output_item.added";
      return change(conversation, byResponse(event.response_id), () => ({ isThinking }));
    }
    case "response.reasoning_text.delta":
      return change(conversation, byResponse(event.response_id), (turn) => ({
        ...(event.channel === "semantic" ? { semantic: turn.semantic + event.delta } : { acoustic: turn.acoustic + event.delta }),
        isHeuristic: turn.isHeuristic || event.heuristic === true,
      }));
    case "response.output_text.delta":
      return change(conversation, byResponse(event.response_id), (turn) => ({ status: "answering", answer: turn.answer + event.delta }));
    case "response.function_call_arguments.done":
      return change(conversation, byResponse(event.response_id), (turn) => ({
        calls: [...turn.calls, { id: event.call_id, name: event.name, arguments: event.arguments, output: undefined }],
      }));
    case "response.done":
      return change(conversation, byResponse(event.response.id), () => ({
        status: endOf(event.response),
        isThinking: false,
        timing: event.response.timing,
        error: errorOf(event.response),
      }));
    default:
      return conversation;
  }
}

type Match = (turn: Turn) => boolean;
const byItem =
  (id: string): Match =>
  (turn) =>
    turn.id === id;
const byResponse =
  (id: string): Match =>
  (turn) =>
    turn.responseId === id;

/** Changes the newest turn that matches. */
function change(conversation: Conversation, match: Match, next: (turn: Turn) => Partial<Turn>): Conversation {
  const index = conversation.turns.findLastIndex(match);
  const turn = conversation.turns[index];
  return turn === undefined ? conversation : { ...conversation, turns: conversation.turns.with(index, { ...turn, ...next(turn) }) };
}

function newTurn(id: string, input: Turn["input"], status: TurnStatus): Turn {
  return {
    id,
    input,
    status,
    responseId: undefined,
    transcript: "",
    isTranscribed: false,
    semantic: "",
    acoustic: "",
    isThinking: false,
    isHeuristic: false,
    answer: "",
    calls: [],
    timing: undefined,
    error: undefined,
  };
}

function withTurn(conversation: Conversation, turn: Turn): Conversation {
  return { ...conversation, turns: [...conversation.turns, turn].slice(-MAX_TURNS) };
}

/** Speech may resume after a pause, and push-to-talk has no `speech_started`: a turn is known by its item's id, not by the order of events. */
function withInput(conversation: Conversation, itemId: string, status: "listening" | "heard"): Conversation {
  if (!conversation.turns.some(byItem(itemId))) return withTurn(conversation, newTurn(itemId, "speech", status));
  return change(conversation, byItem(itemId), (turn) => (turn.responseId === undefined ? { status } : {}));
}

function withAdded(conversation: Conversation, item: ConversationItem): Conversation {
  if (item.type === "function_call_output") {
    const { call_id: callId, output } = item;
    const hasMade: Match = ({ calls }) => calls.some(({ id }) => id === callId);
    return change(conversation, hasMade, ({ calls }) => ({
      calls: calls.map((call) => (call.id === callId ? { ...call, output } : call)),
    }));
  }
  return item.type === "message" && item.role === "user" ? withItem(conversation, item) : conversation;
}

function withItem(conversation: Conversation, item: MessageItem): Conversation {
  if (conversation.turns.some(byItem(item.id))) return conversation;
  const spoken = item.content.some((part) => part.type === "input_audio");
  const text = item.content.map((part) => ("text" in part ? part.text : (part.transcript ?? ""))).join("\n");
  return withTurn(conversation, { ...newTurn(item.id, spoken ? "speech" : "text", "heard"), transcript: text, isTranscribed: !spoken });
}

/**
 * A response answers the newest turn that is over and has none; several typed items before one response are all part of its input. Without
 * one it goes on with the newest turn if that has results of calls; the texts of both are one.
 */
function withResponse(conversation: Conversation, responseId: string): Conversation {
  const waiting: Match = (turn) => turn.responseId === undefined && (turn.status === "heard" || turn.status === "unheard");
  const newest = conversation.turns.at(-1);
  if (!conversation.turns.some(waiting) && newest?.calls.some(({ output }) => output !== undefined))
    return change(conversation, byItem(newest.id), ({ semantic, acoustic, answer }) => ({
      responseId,
      status: "thinking",
      semantic: continued(semantic),
      acoustic: continued(acoustic),
      answer: continued(answer),
    }));
  if (!conversation.turns.some(waiting)) return withTurn(conversation, { ...newTurn(responseId, "text", "thinking"), responseId });
  return change(conversation, waiting, () => ({ responseId, status: "thinking" }));
}

function continued(text: string): string {
  return text === "" ? "" : `${text}\n`;
}

function endOf(response: ResponseObject): TurnStatus {
  return response.status === "in_progress" ? "completed" : response.status;
}

function errorOf(response: ResponseObject): TurnError | undefined {
  const details = response.status_details;
  return details?.type === "failed" ? { code: details.error.code, message: details.error.message } : undefined;
}
