import { expect, test } from "vitest";
import { readEngineChoice } from "../config.ts";
import { parseServeArgs } from "./serve.ts";

function devices(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const parsed = parseServeArgs(args);
  if (parsed === "help") throw new Error("expected arguments");
  const choice = readEngineChoice(parsed.engine, env);
  return choice.engine === "embedded" ? choice.devices : undefined;
}
const CPU = { kind: "cpu", processes: 1 };

test("--device may be said several times, or once with commas; it wins over ALOUD_DEVICES", () => {
  const both = [CPU, { kind: "cuda", index: 1 }];
  expect(devices(["--device", "cpu", "--device", "cuda:1"])).toEqual(both);
  expect(devices(["--device", "cpu,cuda:1"], { ALOUD_DEVICES: "cuda" })).toEqual(both);
  expect(devices([], { ALOUD_DEVICES: "cpu*2" })).toEqual([{ kind: "cpu", processes: 2 }]);
  expect(devices([])).toEqual([CPU]);
});

test("a device that is none names the flag, the variable and what is expected", () => {
  expect(() => devices(["--device", "gpu"])).toThrow(/^--device \(or ALOUD_DEVICES\): expected cpu, .* got "gpu"$/);
});

test("--device beside --engine vllm is refused: it would do nothing", () => {
  expect(() => devices(["--engine", "vllm", "--url", "http://gpu:8000", "--device", "cpu"])).toThrow(/^--device: /);
});
