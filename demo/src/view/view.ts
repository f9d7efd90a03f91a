/** The page's elements, made to show a `Page`. Reads nothing back from the DOM but where the reader has scrolled. */
import { isAnswering } from "@aloud/client";
import type { Page } from "../page.ts";
import { byId } from "./element.ts";
import { createTurnView, type TurnView } from "./turn.ts";
import { announcementOf, devicesOf, hintOf, statusOf, talkLabelOf } from "./words.ts";

/** Closer to the end than this, the reader follows along. */
const FOLLOW_PX = 120;

export function createView(): { render(page: Page): void } {
  const scroll = byId("scroll", HTMLElement);
  const welcome = byId("welcome", HTMLElement);
  const list = byId("turns", HTMLOListElement);
  const status = byId("status", HTMLParagraphElement);
  const statusText = byId("status-text", HTMLSpanElement);
  const hint = byId("hint", HTMLParagraphElement);
  const talk = byId("talk", HTMLButtonElement);
  const talkLabel = byId("talk-label", HTMLSpanElement);
  const handsFree = byId("hands-free", HTMLButtonElement);
  const stop = byId("stop", HTMLButtonElement);
  const problem = byId("problem", HTMLDivElement);
  const retry = byId("retry", HTMLButtonElement);
  const unlock = byId("unlock", HTMLFormElement);
  const complaint = byId("unlock-complaint", HTMLParagraphElement);
  const dock = byId("dock", HTMLDivElement);
  const announcer = byId("announcer", HTMLDivElement);
  const views = new Map<string, TurnView>();

  const say = (element: HTMLElement, text: string) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const renderTurns = (page: Page) => {
    const { turns } = page.conversation;
    const following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < FOLLOW_PX;
    for (const [id, view] of views) {
      if (turns.some((turn) => turn.id === id)) continue;
      view.element.remove();
      views.delete(id);
    }
    for (const turn of turns) {
      let view = views.get(turn.id);
      if (view === undefined) {
        view = createTurnView();
        views.set(turn.id, view);
        list.append(view.element);
      }
      view.update(turn);
    }
    welcome.hidden = turns.length > 0;
    if (following && turns.length > 0) scroll.scrollTop = scroll.scrollHeight;
  };

  return {
    render(page) {
      renderTurns(page);
      const { tone, text } = statusOf(page);
      status.dataset.tone = tone;
      say(statusText, text);
      status.title = devicesOf(page);
      say(hint, hintOf(page));
      talk.disabled = page.link.state !== "open";
      talk.setAttribute("aria-pressed", String(page.microphone === "recording"));
      talk.dataset.microphone = page.microphone;
      say(talkLabel, talkLabelOf(page));
      handsFree.setAttribute("aria-checked", String(page.mode === "hands-free"));
      stop.hidden = !isAnswering(page.conversation);
      const locked = page.link.state === "locked";
      if (unlock.hidden === locked) {
        unlock.hidden = !locked;
        dock.hidden = locked;
        if (locked) byId("key", HTMLInputElement).focus();
      }
      if (page.link.state === "locked") say(complaint, page.link.complaint ?? "");
      problem.hidden = page.problem === undefined;
      if (page.problem !== undefined) {
        say(byId("problem-title", HTMLElement), page.problem.title);
        say(byId("problem-advice", HTMLElement), page.problem.advice);
        retry.hidden = page.problem.retry === undefined;
      }
      say(announcer, announcementOf(page.conversation.turns.at(-1), page));
    },
  };
}
