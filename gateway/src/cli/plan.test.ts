import { expect, test } from "vitest";
import { parseSmi } from "./gpus.ts";
import { parsePlanArgs } from "./plan.ts";

test("flags become wishes", () => {
  expect(parsePlanArgs(["--gpu", "L40S:48x4", "--model", "Step-Audio-R1.1", "--sessions", "8", "--context", "32768"])).toMatchObject({
    do: "plan",
    form: "screen",
    wanted: { id: "step-audio-r1.1" },
    wishes: { sessions: 8, context: 32_768 },
    gpus: [{ name: "L40S", count: 4 }],
  });
});

test.each([
  [["--model", "nope"], /nothing is known of the model "nope"/],
  [["--sessions", "0"], /--sessions: expected a whole number/],
  [["--context", "many"], /--context: expected a whole number/],
  [["--precision", "int3"], /--precision: expected bf16/],
  [["--json", "--compose"], /exclude each other/],
])("%j is refused", (args, message) => {
  expect(() => parsePlanArgs(args)).toThrow(message);
});

test("nvidia-smi's rows are read; what it says instead of rows is no GPU", () => {
  const rows = "0, NVIDIA L40S, 46068, 12, 8.9, 570.86.10\n1, NVIDIA L40S, 46068, 12, 8.9, 570.86.10\n";
  expect(parseSmi(rows)).toEqual({
    found: true,
    driver: "570.86.10",
    gpus: [0, 1].map((index) => ({ index, name: "NVIDIA L40S", totalMib: 46_068, usedMib: 12, capability: 8.9 })),
  });
  expect(parseSmi("No devices were found\n")).toEqual({ found: false, why: "nvidia-smi lists none" });
  expect(parseSmi("0, NVIDIA H100 MIG, [N/A], [N/A], 9.0, 570\n").found).toBe(false);
});
