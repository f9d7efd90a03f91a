/**
 * Hold to talk, or tap to start and tap to send: one button, both equal. Pure; the page says when the button goes down and up.
 */
export type Gesture = { readonly state: "idle" | "latched" | "spent" } | { readonly state: "held"; readonly sinceMs: number };
export type Signal = { readonly type: "down" | "up"; readonly atMs: number } | { readonly type: "cancel" };
export type Order = "start" | "stop" | "discard" | "none";

export const IDLE_GESTURE: Gesture = { state: "idle" };
/** Shorter than this is a tap: the microphone stays on until the next one. */
export const TAP_MS = 300;

export function gesture(now: Gesture, signal: Signal): { gesture: Gesture; order: Order } {
  if (signal.type === "cancel")
    return { gesture: IDLE_GESTURE, order: now.state === "held" || now.state === "latched" ? "discard" : "none" };
  switch (now.state) {
    case "idle":
      return signal.type === "down"
        ? { gesture: { state: "held", sinceMs: signal.atMs }, order: "start" }
        : { gesture: now, order: "none" };
    case "held":
      if (signal.type === "down") return { gesture: now, order: "none" };
      return signal.atMs - now.sinceMs < TAP_MS
        ? { gesture: { state: "latched" }, order: "none" }
        : { gesture: IDLE_GESTURE, order: "stop" };
    case "latched":
      return signal.type === "down" ? { gesture: { state: "spent" }, order: "stop" } : { gesture: now, order: "none" };
    case "spent":
      return { gesture: signal.type === "up" ? IDLE_GESTURE : now, order: "none" };
  }
}
