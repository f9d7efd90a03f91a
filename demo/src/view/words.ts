/** The sentences of the page's edge: what state it is in, what to do next, and what a screen reader is told. Pure. */
import { type EngineState, isSettled, type Turn } from "@aloud/client";
import type { Page } from "../page.ts";

export interface Status {
  readonly tone: "good" | "wait" | "bad";
  readonly text: string;
}

export function statusOf({ link, conversation }: Page): Status {
  if (link.state === "connecting") return { tone: "wait", text: "Connecting" };
  if (link.state === "locked") return { tone: "wait", text: "Locked" };
  if (link.state === "lost") return { tone: "bad", text: link.again ? "Reconnecting" : "Disconnected" };
  const { engine, model } = conversation;
  switch (engine?.state) {
    case undefined:
      return { tone: "wait", text: "Connected" };
    case "loading":
      return { tone: "wait", text: loadingOf(engine) };
    case "busy":
      return { tone: "wait", text: engine.queue_position > 0 ? `Busy, ${engine.queue_position} ahead` : "Busy" };
    case "failed":
      return { tone: "bad", text: engine.message ?? "The model failed" };
    case "ready": {
      const devices = engine.devices.map(({ id, state }) => (state === "ready" ? id : `${id} ${state}`)).join(", ");
      return { tone: "good", text: [engine.model || model, devices].filter(Boolean).join(" · ") };
    }
  }
}

/** A server elsewhere does not say how far it is, and may not be there at all: what is waited for says more than 0 %. */
function loadingOf({ model, progress, message }: EngineState): string {
  if (progress > 0) return `Loading ${model} ${Math.round(progress * 100)} %`;
  return message === null ? `Loading ${model}` : `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
}

/** One line a device: where the model runs, and how it is doing there. Empty when the server does not say. */
export function devicesOf({ conversation }: Page): string {
  const devices = conversation.engine?.devices ?? [];
  return devices
    .map(({ id, state, conversations, memory_bytes, message }) => {
      const memory = memory_bytes === 0 ? "" : `, ${Math.round(memory_bytes / 2 ** 20)} MiB`;
      const load = `${conversations} ${conversations === 1 ? "conversation" : "conversations"}${memory}`;
      return [`${id}: ${state === "ready" ? load : state}`, message].filter(Boolean).join(" · ");
    })
    .join("\n");
}

export function hintOf({ link, mode, microphone }: Page): string {
  if (link.state === "locked") return "This server asks for a key. Whoever runs it makes one with: aloud key";
  if (link.state === "lost") return link.again ? `${link.reason}. Trying again …` : link.reason;
  if (microphone === "arming") return "Waiting for the microphone …";
  if (mode === "hands-free")
    return microphone === "recording" ? "Listening. Just speak; tap to stop listening." : "Tap and speak whenever you like.";
  if (microphone === "recording") return "Release or tap to send. Esc throws it away.";
  if (microphone === "sending") return "Sending";
  return microphone === "ready" ? "Ready. Hold the button or Space to talk." : "Hold the button or Space to talk, or just tap it.";
}

export function talkLabelOf({ mode, microphone }: Page): string {
  if (mode === "hands-free") return microphone === "recording" ? "Stop listening" : "Start listening";
  return microphone === "recording" ? "Recording. Release to send" : "Hold to talk";
}

/** Boundaries only: reading out every token would drown them. */
export function announcementOf(turn: Turn | undefined, page: Page): string {
  if (page.microphone === "recording" && (turn === undefined || isSettled(turn))) return "Recording";
  switch (turn?.status) {
    case "thinking":
      return "Thinking";
    case "completed":
    case "incomplete":
      return `Answer: ${turn.answer}`;
    case "cancelled":
      return "Stopped";
    case "failed":
      return `Failed: ${turn.error?.message ?? ""}`;
    default:
      return "";
  }
}
