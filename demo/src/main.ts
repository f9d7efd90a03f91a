/** Wiring: events of the browser and of the server become events of the page; the page is rendered once a frame. */
import { isAnswering } from "@aloud/client";
import { createEntry } from "./entry.ts";
import { createLink } from "./link.ts";
import { NEW_PAGE, type Page, type PageEvent, reducePage } from "./page.ts";
import { bindTalkButton } from "./talk-button.ts";
import { byId } from "./view/element.ts";
import { createView } from "./view/view.ts";
import { createVoice } from "./voice.ts";

const view = createView();
let page: Page = NEW_PAGE;
let rendering: "idle" | "due" = "idle";

function dispatch(event: PageEvent): void {
  page = reducePage(page, event);
  if (rendering === "due") return;
  rendering = "due";
  requestAnimationFrame(() => {
    rendering = "idle";
    view.render(page);
  });
}

const entry = createEntry({ storage: sessionStorage, fetch: fetch.bind(globalThis), origin: location.origin });
const link = createLink({
  entry,
  mode: () => page.mode,
  onConnecting: () => dispatch({ type: "connecting" }),
  onOpened: () => dispatch({ type: "opened" }),
  onEvent: (event) => dispatch({ type: "server", event }),
  onLost: (reason, again) => {
    voice.discard();
    talkButton.reset();
    dispatch({ type: "lost", reason, again });
  },
  onLocked: (complaint) => {
    voice.discard();
    talkButton.reset();
    dispatch({ type: "locked", complaint });
  },
});
const voice = createVoice({
  live: link.live,
  mode: () => page.mode,
  onMicrophone: (microphone) => {
    // The utterance may end without the button: at its longest, or when the device goes.
    if (microphone === "off" || microphone === "ready") talkButton.reset();
    dispatch({ type: "microphone", microphone });
    if (microphone === "recording") requestAnimationFrame(meter);
  },
  onProblem: (problem) => dispatch({ type: "problem", problem }),
});

const talk = byId("talk", HTMLButtonElement);
const talkButton = bindTalkButton(talk, (order) => {
  if (page.mode === "hands-free") {
    if (order === "start") toggleListening();
    return;
  }
  if (order === "start") {
    interrupt();
    void voice.start();
  } else if (order === "stop") voice.stop();
  else voice.discard();
});

function toggleListening(): void {
  talkButton.reset();
  if (page.microphone === "recording") voice.stop();
  else void voice.start();
}

function interrupt(): void {
  if (isAnswering(page.conversation)) link.live()?.connection.send({ type: "response.cancel" });
}

function ask(text: string): void {
  const connection = link.live()?.connection;
  if (connection === undefined || text.trim() === "") return;
  interrupt();
  connection.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: text.trim() }] },
  });
  connection.send({ type: "response.create" });
}

/** The level as a style, sixty times a second and past the renderer: attack fast, release slowly. */
let level = 0;
function meter(): void {
  const now = voice.level();
  level += (now - level) * (now > level ? 0.6 : 0.18);
  talk.style.setProperty("--level", level.toFixed(3));
  if (page.microphone === "recording" || level > 0.01) requestAnimationFrame(meter);
}

const key = byId("key", HTMLInputElement);
byId("unlock", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const candidate = key.value;
  key.value = "";
  void entry.enter(candidate).then((complaint) => {
    if (complaint === undefined) link.reconnect();
    else dispatch({ type: "locked", complaint });
  });
});

const text = byId("text", HTMLInputElement);
byId("ask", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  ask(text.value);
  text.value = "";
});
byId("examples", HTMLUListElement).addEventListener("click", (event) => {
  if (event.target instanceof HTMLButtonElement) ask(event.target.textContent ?? "");
});

const file = byId("file", HTMLInputElement);
byId("upload", HTMLButtonElement).addEventListener("click", () => file.click());
file.addEventListener("change", () => {
  const [chosen] = file.files ?? [];
  file.value = "";
  if (chosen === undefined) return;
  interrupt();
  void voice.upload(chosen);
});

byId("hands-free", HTMLButtonElement).addEventListener("click", () => {
  const mode = page.mode === "hold" ? "hands-free" : "hold";
  // What is half said under one mode has no end under the other.
  voice.discard();
  dispatch({ type: "mode", mode });
  link.setMode(mode);
  if (mode === "hands-free") void voice.start();
});
byId("stop", HTMLButtonElement).addEventListener("click", interrupt);
byId("dismiss", HTMLButtonElement).addEventListener("click", () => dispatch({ type: "problem", problem: undefined }));
byId("retry", HTMLButtonElement).addEventListener("click", () => {
  const retry = page.problem?.retry;
  dispatch({ type: "problem", problem: undefined });
  if (retry === "microphone") void voice.start().then(() => page.mode === "hold" && voice.discard());
  else link.reconnect();
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  talkButton.cancel();
  interrupt();
});
view.render(page);
