/** One turn as elements that follow it. */
import type { Turn } from "@aloud/client";
import { chipsOf } from "./chips.ts";
import { flag, icon, make, setText } from "./element.ts";

const SEMANTIC_ICON = "M5 6h14M5 11h14M5 16h8";
const ACOUSTIC_ICON = "M4 10v4M8 7v10M12 4v16M16 8v8M20 10v4";

export interface TurnView {
  readonly element: HTMLLIElement;
  update(turn: Turn): void;
}

export function createTurnView(): TurnView {
  const words = make("b");
  const said = make("p", { class: "said" }, words);
  const semantic = thought("semantic", "Semantic thinking", SEMANTIC_ICON);
  const acoustic = thought("acoustic", "Acoustic thinking", ACOUSTIC_ICON);
  const thoughts = make("div", { class: "thoughts" }, semantic.element, acoustic.element);
  const answer = make("p", { class: "answer" });
  const chips = make("ul", { class: "chips" });
  const element = make("li", { class: "turn" }, said, thoughts, answer, chips);
  let shown: Turn | undefined;
  /** The channel that spoke last: a model that thinks in one text comes back to the first. */
  let spoke: "semantic" | "acoustic" = "semantic";

  return {
    element,
    update(turn) {
      if (turn === shown) return;
      if (turn.semantic !== (shown?.semantic ?? "")) spoke = "semantic";
      if (turn.acoustic !== (shown?.acoustic ?? "")) spoke = "acoustic";
      shown = turn;
      element.dataset.status = turn.status;
      words.dataset.empty =
        turn.status === "listening"
          ? "Listening"
          : turn.status === "unheard"
            ? "No words in that"
            : turn.input === "speech"
              ? "Spoken"
              : "";
      setText(words, turn.transcript);
      flag(words, "live", turn.status === "listening");
      const thinking = turn.status === "thinking" || turn.isThinking;
      const started = turn.responseId !== undefined;
      thoughts.hidden = !started && turn.status !== "failed";
      semantic.update(turn.semantic, thinking && spoke === "semantic");
      acoustic.update(turn.acoustic, thinking && spoke === "acoustic");
      setText(answer, turn.answer);
      flag(answer, "live", turn.status === "answering");
      chips.replaceChildren(
        ...chipsOf(turn).map(({ label, value, tone, title }) =>
          make(
            "li",
            { text: value === "" ? label : `${label} `, ...(title && { title }), ...(tone && { data: { tone } }) },
            ...(value === "" ? [] : [make("b", { text: value })]),
          ),
        ),
      );
    },
  };
}

function thought(channel: "semantic" | "acoustic", title: string, path: string) {
  const count = make("small");
  const text = make("p");
  const element = make(
    "details",
    { class: "thought", data: { channel } },
    make("summary", {}, icon(path), make("span", { text: title }), count),
    text,
  );
  element.open = true;
  return {
    element,
    update(now: string, live: boolean) {
      setText(text, now);
      flag(text, "live", live);
      const words = now.split(/\s+/).filter(Boolean).length;
      count.textContent = words === 0 ? "" : `${words} ${words === 1 ? "word" : "words"}`;
    },
  };
}
