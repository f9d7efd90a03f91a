/** The page as a person uses it: real Chromium, a real gateway, a microphone that plays a recording, and a scripted engine. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ScriptedStep, ScriptedTurn } from "@aloud/engine/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TAP_MS } from "../../demo/src/gesture.ts";
import { startGateway, type TestGateway } from "../helpers/gateway.ts";
import { KeysFile } from "../helpers/keys.ts";
import { chromiumPath, type FakeMicrophone, type LaunchedBrowser, launchChromium } from "./chromium.ts";

const demoDir = fileURLToPath(new URL("../../demo/dist", import.meta.url));
const timer = new URL("../fixtures/timer.opus", import.meta.url);
const missing =
  chromiumPath === undefined
    ? "no Chromium (set CHROMIUM_PATH)"
    : existsSync(demoDir)
      ? undefined
      : "the page is not built (npm run build)";
if (missing !== undefined) console.log(`skipping the browser tests: ${missing}`);

const thinksOn: ScriptedStep[] = [
  { channel: "semantic", text: "They ask about rain." },
  { channel: "answer", text: "It rains", isAhead: true },
  { channel: "semantic", text: " It is a real question." },
  { channel: "answer", text: " all day.", isAhead: true },
  "stall",
];
const plainScript = ({ text }: ScriptedTurn): ScriptedStep[] => [
  { transcript: "set a timer for five minutes and ten seconds" },
  { channel: "semantic", text: "The speaker wants a timer." },
  { channel: "acoustic", text: "The voice is calm." },
  { channel: "answer", text: "Timer " },
  text === "never end" ? "stall" : { channel: "answer", text: "set." },
];

const script = (turn: ScriptedTurn): ScriptedStep[] => (turn.text === "think on" ? thinksOn : plainScript(turn));

describe.skipIf(missing !== undefined)(`the page${missing === undefined ? "" : ` (skipped: ${missing})`}`, { timeout: 60_000 }, () => {
  let server: TestGateway;
  let launched: LaunchedBrowser | undefined;
  const complaints: string[] = [];

  beforeAll(async () => {
    server = await startGateway({ answer: script }, {}, { demoDir });
  });
  afterEach(async () => {
    await launched?.close();
    launched = undefined;
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => server.close());

  async function open(microphone: FakeMicrophone, prepare?: (page: Page) => Promise<void>): Promise<Page> {
    launched = await launchChromium(microphone);
    const page = await launched.browser.newPage();
    await prepare?.(page);
    page.on("pageerror", (error) => complaints.push(error.message));
    // A violated Content-Security-Policy, a missing file and the like.
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(server.gateway.url);
    await page.locator("#status[data-tone=good]").waitFor();
    return page;
  }

  /** The level moves. */
  async function voiceArrived(page: Page): Promise<void> {
    await page.waitForFunction(() => Number(document.getElementById("talk")?.style.getPropertyValue("--level")) > 0.3);
  }

  /** The voice may come sooner than a press stops being a tap, which would leave the microphone on. */
  async function heldWhileSpeaking(page: Page): Promise<void> {
    const pressedMs = await page.evaluate(() => performance.now());
    await voiceArrived(page);
    await page.waitForFunction((endOfTapMs) => performance.now() > endOfTapMs, pressedMs + TAP_MS);
  }

  async function expectAnswered(page: Page): Promise<void> {
    const turn = page.locator(".turn[data-status=completed]").first();
    await turn.waitFor();
    expect(await turn.locator("[data-channel=semantic] p").textContent()).toBe("The speaker wants a timer.");
    expect(await turn.locator("[data-channel=acoustic] p").textContent()).toBe("The voice is calm.");
    expect(await turn.locator(".answer").textContent()).toBe("Timer set.");
    expect(await turn.locator(".chips li").count()).toBeGreaterThan(2);
  }

  test("answers somebody who just speaks, hands-free", async () => {
    const page = await open({ plays: timer });
    await page.getByRole("switch", { name: "Hands-free" }).click();
    await expectAnswered(page);
    expect(await page.locator(".said b").first().textContent()).toBe("set a timer for five minutes and ten seconds");
  });

  test("answers somebody who holds the Space key while speaking", async () => {
    const page = await open({ plays: timer });
    await page.keyboard.down("Space");
    await page.locator("#talk[aria-pressed=true]").waitFor();
    await heldWhileSpeaking(page);
    await page.keyboard.up("Space");
    await expectAnswered(page);
  });

  test("answers somebody who holds the button, even if the pointer slides off it", async () => {
    const page = await open({ plays: timer });
    await page.locator("#talk").hover();
    await page.mouse.down();
    await heldWhileSpeaking(page);
    await page.mouse.move(10, 10);
    await page.mouse.up();
    await expectAnswered(page);
    expect(await page.locator("#talk").getAttribute("aria-pressed")).toBe("false");
  });

  test("answers in a browser that cannot encode Opus", async () => {
    const page = await open({ plays: timer }, async (blank) => {
      await blank.addInitScript("delete globalThis.AudioEncoder");
    });
    await page.getByRole("switch", { name: "Hands-free" }).click();
    await expectAnswered(page);
  });

  test("sends at the second tap what began with the first", async () => {
    const page = await open({ plays: timer });
    // Enter on the button is a tap however busy the machine is; between a click's down and up more than a tap's time may pass there.
    await page.locator("#talk").press("Enter");
    await voiceArrived(page);
    await page.locator("#talk").press("Enter");
    await expectAnswered(page);
  });

  test("throws a recording away at Esc", async () => {
    const page = await open({ plays: timer });
    await page.keyboard.down("Space");
    await page.locator("#talk[aria-pressed=true]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#talk[aria-pressed=false]").waitFor();
    await page.keyboard.up("Space");
    expect(await page.locator(".turn").count()).toBe(0);
  });

  test("answers what is typed, without asking for the microphone", async () => {
    const page = await open("refused");
    await page.getByLabel("Type instead").fill("set a timer");
    await page.keyboard.press("Enter");
    await expectAnswered(page);
    expect(await page.locator("#problem").isVisible()).toBe(false);
  });

  test("answers an uploaded recording", async () => {
    const page = await open("refused");
    await page.locator("#file").setInputFiles(fileURLToPath(timer));
    await expectAnswered(page);
  });

  test("stops an answer at Esc and keeps what was said", async () => {
    const page = await open("refused");
    await page.getByLabel("Type instead").fill("never end");
    await page.keyboard.press("Enter");
    await page.locator(".turn[data-status=answering]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".turn[data-status=cancelled]").waitFor();
    expect(await page.locator(".answer").textContent()).toBe("Timer ");
    expect(await page.locator(".chips").textContent()).toContain("stopped");
  });

  test("shows thinking that goes on beside the answer", async () => {
    const page = await open("refused");
    await page.getByLabel("Type instead").fill("think on");
    await page.keyboard.press("Enter");
    await page.locator(".answer[data-live]").getByText("It rains all day.").waitFor();
    const thought = page.locator("[data-channel=semantic] p");
    expect(await thought.textContent()).toBe("They ask about rain. It is a real question.");
    expect(await thought.getAttribute("data-live")).toBe("");
    await page.keyboard.press("Escape");
    await page.locator(".turn[data-status=cancelled]").waitFor();
    expect(await thought.getAttribute("data-live")).toBeNull();
  });

  test("says that the server is gone, and talks again once it is back", async () => {
    const port = server.gateway.port;
    const page = await open("refused");
    await server.close();
    await page.locator("#status[data-tone=bad]").getByText("Reconnecting").waitFor();
    server = await startGateway({ answer: script }, { port }, { demoDir });
    await page.locator("#status[data-tone=good]").waitFor();
    await page.getByLabel("Type instead").fill("set a timer");
    await page.keyboard.press("Enter");
    await expectAnswered(page);
    // The browser's own notes about attempts that failed.
    complaints.splice(0);
  });

  test("asks for a key where the server does, comes in with it, and stays in over a reload until it is revoked", async () => {
    const keys = new KeysFile();
    const key = keys.add("laptop");
    const locked = await startGateway({ answer: script }, { keysFile: keys.path }, { demoDir });
    const open = server;
    server = locked;
    try {
      launched = await launchChromium("refused");
      const page = await launched.browser.newPage();
      await page.goto(locked.gateway.url);
      await page.locator("#status").getByText("Locked").waitFor();
      expect(await page.locator("#dock").isVisible()).toBe(false);
      await page.getByLabel("Key").fill("ak_wrong");
      await page.keyboard.press("Enter");
      await page.locator("#unlock-complaint").getByText("this key is unknown").waitFor();
      await page.getByLabel("Key").fill(key);
      await page.keyboard.press("Enter");
      await page.locator("#status[data-tone=good]").waitFor();
      await page.getByLabel("Type instead").fill("set a timer");
      await page.keyboard.press("Enter");
      await expectAnswered(page);
      await page.reload();
      await page.locator("#status[data-tone=good]").waitFor();
      const stored = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
      expect(stored).toContain("ek_");
      expect(stored).not.toContain(key);
      keys.revoke("laptop");
      await page.locator("#status").getByText("Locked").waitFor();
      await page.locator("#unlock-complaint").getByText("revoked").waitFor();
      expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
      expect(locked.log.join("")).not.toContain(key.slice(16));
    } finally {
      server = open;
      await locked.close();
      keys.remove();
    }
  });

  test("says why an uploaded file is no use", async () => {
    const page = await open("refused");
    await page.locator("#file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("not audio");
  });

  test("explains what to do when the microphone is refused, and when there is none", async () => {
    const refused = await open("refused");
    await refused.locator("#talk").click();
    await refused.getByText("The microphone is blocked for this page").waitFor();
    expect(await refused.getByRole("button", { name: "Retry" }).isVisible()).toBe(true);
    await launched?.close();

    const none = await open("missing");
    await none.locator("#talk").click();
    await none.getByText("No microphone was found").waitFor();
  });
});
