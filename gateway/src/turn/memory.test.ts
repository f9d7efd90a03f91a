import { defaultSession, type MessageItem, type ServerEventBody, type SessionConfig } from "@aloud/client/protocol";
import type { EngineInfo } from "@aloud/engine";
import { openScriptedEngine } from "@aloud/engine/testing";
import { expect, test } from "vitest";
import { History } from "../history.ts";
import { createLogger } from "../log.ts";
import { Dialogue } from "./dialogue.ts";
import { Memory } from "./memory.ts";

const LIMIT = 750;

/** A conversation of turns of `characters` each, and what the memory makes of an answer that needed `used` tokens. */
function remember(turns: number, characters: number, info: Partial<EngineInfo> = {}, settings: Partial<SessionConfig> = {}) {
  const history = new History();
  const message = (id: string, role: MessageItem["role"], text: string): MessageItem => {
    const content = [{ type: role === "assistant" ? "output_text" : "input_text", text } as const];
    return { id, object: "realtime.item", type: "message", status: "completed", role, content };
  };
  for (let turn = 0; turn < turns; turn++) {
    history.append(message(`user${turn}`, "user", "u".repeat(characters / 2)));
    history.append(message(`answer${turn}`, "assistant", "a".repeat(characters / 2)));
  }
  const engine = openScriptedEngine({ info: { contextTokens: 1_000, ...info } });
  const sent: ServerEventBody[] = [];
  const memory = new Memory({
    info: engine.info,
    config: () => ({ ...defaultSession("scripted"), ...settings }),
    history,
    dialogue: new Dialogue({ engine, setup: () => ({}), report: () => {} }),
    logger: createLogger("silent"),
    send: (event) => sent.push(event),
  });
  const answered = (used: number, audioTokens = 0) => {
    const usage = { promptTokens: used - 10, audioTokens, prefilledTokens: 0, thinkTokens: 4, answerTokens: 6 };
    memory.onAnswered({ reason: "stop", usage });
  };
  return { history, sent, answered };
}

test("nothing goes as long as the model has room", () => {
  const { history, sent, answered } = remember(4, 100);
  answered(LIMIT);
  expect(sent).toEqual([]);
  expect(history.told()).toHaveLength(8);
});

test("what was spoken is told anew before anything goes: as text it may fit", () => {
  const { history, sent, answered } = remember(4, 100);
  answered(LIMIT + 200);
  expect(sent).toEqual([]);
  expect(history.told()).toHaveLength(8);
});

test("audio that stands apart from the context takes no room in it", () => {
  const { sent, answered } = remember(40, 100, { audioWindowMs: 29_760 });
  answered(LIMIT + 200, 300);
  expect(sent).toEqual([]);
});

test("the oldest turns go when their text does not fit, and can still be looked up", () => {
  const { history, sent, answered } = remember(40, 100);
  answered(LIMIT + 200);
  expect(sent).toEqual([{ type: "aloud.context.truncated", item_ids: expect.arrayContaining(["user0", "answer0"]) }]);
  expect(history.told()[0]?.id).not.toBe("user0");
  expect(history.get("user0").id).toBe("user0");
});

test("a text that takes more than it was thought to is cut by what it takes", () => {
  const { sent, answered } = remember(16, 100);
  answered(LIMIT + 200);
  expect(sent).toEqual([]);
  answered(LIMIT + 200);
  expect(sent).toHaveLength(1);
});

test("declarations take room in a model that reads them, and only their names in one that has tools of its own", () => {
  const tools = [{ type: "function", name: "set_light", description: "d".repeat(2_000), parameters: {} }] as const;
  const reads = remember(8, 100, {}, { tools });
  reads.answered(LIMIT + 200);
  expect(reads.sent).toHaveLength(1);
  const knows = remember(8, 100, { knownTools: ["set_light"] }, { tools });
  knows.answered(LIMIT + 200);
  expect(knows.sent).toEqual([]);
});
