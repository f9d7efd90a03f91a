/** The talk button and the Space key as one gesture. Pointer events with capture: a finger that slides off still ends what it began. */
import { type Gesture, gesture, IDLE_GESTURE, type Order, type Signal } from "./gesture.ts";

export interface TalkButton {
  /** Esc, a lost connection: what was begun is thrown away. */
  cancel(): void;
  /** The utterance ended by itself; the next press begins one. */
  reset(): void;
}

export function bindTalkButton(button: HTMLButtonElement, onOrder: (order: Exclude<Order, "none">) => void): TalkButton {
  let now: Gesture = IDLE_GESTURE;
  const give = (signal: Signal) => {
    const next = gesture(now, signal);
    now = next.gesture;
    if (next.order !== "none") onOrder(next.order);
  };
  // When it happened, not when a busy page came to it: a tap stays a tap.
  const down = ({ timeStamp }: Event) => {
    if (!button.disabled) give({ type: "down", atMs: timeStamp });
  };
  const up = ({ timeStamp }: Event) => give({ type: "up", atMs: timeStamp });

  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    down(event);
  });
  button.addEventListener("pointerup", up);
  button.addEventListener("pointercancel", () => give({ type: "cancel" }));
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // A click without a pointer comes from assistive technology or Enter: a tap.
  button.addEventListener("click", (event) => {
    if (event.detail !== 0) return;
    down(event);
    up(event);
  });
  addEventListener("keydown", (event) => {
    if (event.code !== "Space" || !isForTalking(event, button)) return;
    event.preventDefault();
    if (!event.repeat) down(event);
  });
  addEventListener("keyup", (event) => {
    if (event.code !== "Space" || !isForTalking(event, button)) return;
    // Also keeps a focused button from being clicked by the key.
    event.preventDefault();
    up(event);
  });
  // A key that is let go in another window is never seen.
  addEventListener("blur", (event) => {
    if (now.state === "held") up(event);
  });
  return {
    cancel: () => give({ type: "cancel" }),
    reset: () => {
      now = IDLE_GESTURE;
    },
  };
}

/** Space belongs to whatever control has the focus, except to the talk button and the page itself. */
function isForTalking(event: KeyboardEvent, button: HTMLButtonElement): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  return (
    event.target === button ||
    !(event.target instanceof Element && event.target.closest("input, textarea, button, summary, a, [contenteditable]"))
  );
}
