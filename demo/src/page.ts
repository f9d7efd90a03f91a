/** What the page knows, as one value, and the pure function that makes the next one. The conversation itself is the client's. */
import { type Conversation, isSettled, NEW_CONVERSATION, reduce, type ServerEvent } from "@aloud/client";
import type { Problem } from "./problem.ts";

export type Mode = "hold" | "hands-free";

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** The server asks for a key. */
  | { readonly state: "locked"; readonly complaint: string | undefined }
  /** `again` is false when trying again cannot help. */
  | { readonly state: "lost"; readonly reason: string; readonly again: boolean };

/** `arming`: asked for, not yet live. */
export type Microphone = "off" | "arming" | "ready" | "recording" | "sending";

export interface Page {
  readonly link: Link;
  readonly mode: Mode;
  readonly microphone: Microphone;
  readonly problem: Problem | undefined;
  readonly conversation: Conversation;
}

export type PageEvent =
  | { readonly type: "connecting" | "opened" }
  | { readonly type: "locked"; readonly complaint: string | undefined }
  | { readonly type: "lost"; readonly reason: string; readonly again: boolean }
  | { readonly type: "server"; readonly event: ServerEvent }
  | { readonly type: "mode"; readonly mode: Mode }
  | { readonly type: "microphone"; readonly microphone: Microphone }
  | { readonly type: "problem"; readonly problem: Problem | undefined };

export const NEW_PAGE: Page = {
  link: { state: "connecting" },
  mode: "hold",
  microphone: "off",
  problem: undefined,
  conversation: NEW_CONVERSATION,
};

/** Errors of the server that need no reader: the page asked for something that had just ended by itself, or asks for a key next. */
const HARMLESS = new Set(["response_cancel_not_active", "input_audio_buffer_commit_empty", "invalid_api_key"]);

export function reducePage(page: Page, event: PageEvent): Page {
  switch (event.type) {
    case "connecting":
      return { ...page, link: { state: "connecting" } };
    case "opened":
      return { ...page, link: { state: "open" }, problem: page.problem?.about === "connection" ? undefined : page.problem };
    case "locked":
      return { ...page, link: { state: "locked", complaint: event.complaint }, conversation: abandoned(page.conversation) };
    case "lost":
      return { ...page, link: { state: "lost", reason: event.reason, again: event.again }, conversation: abandoned(page.conversation) };
    case "server":
      return withServerEvent(page, event.event);
    case "mode":
      return { ...page, mode: event.mode };
    case "microphone":
      // A live microphone refutes whatever was wrong with it.
      return {
        ...page,
        microphone: event.microphone,
        problem: event.microphone === "recording" && page.problem?.about === "microphone" ? undefined : page.problem,
      };
    case "problem":
      return { ...page, problem: event.problem };
  }
}

function withServerEvent(page: Page, event: ServerEvent): Page {
  const conversation = reduce(page.conversation, event);
  if (event.type === "error" && event.error.code === "input_audio_buffer_commit_empty")
    return {
      ...page,
      conversation,
      problem: {
        about: "speech",
        title: "That was too short",
        advice: "Hold the button while you speak, or tap it once to start and once to send.",
      },
    };
  if (event.type !== "error" || HARMLESS.has(event.error.code)) return { ...page, conversation };
  return { ...page, conversation, problem: { about: "server", title: "The server could not do that", advice: `${event.error.message}.` } };
}

/** The server that would have finished these turns is gone. */
function abandoned(conversation: Conversation): Conversation {
  return {
    ...conversation,
    engine: undefined,
    turns: conversation.turns.map((turn) =>
      isSettled(turn) ? turn : { ...turn, status: "failed", error: { code: "connection_lost", message: "the connection was lost" } },
    ),
  };
}
