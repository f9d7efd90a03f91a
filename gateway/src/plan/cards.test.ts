import { describe, expect, test } from "vitest";
import { groupSeen, parseGpus } from "./cards.ts";

describe("a described machine", () => {
  test.each([
    ["A6000:48x1", [["A6000", 1, 47.5, 8.6]]],
    ["L40S:48x4", [["L40S", 4, 44.4, 8.9]]],
    ["L40S", [["L40S", 1, 44.4, 8.9]]],
    [
      "H100:80x2, RTX4090x1",
      [
        ["H100", 2, 79.1, 9.0],
        ["RTX 4090", 1, 23.5, 8.9],
      ],
    ],
    ["A100:40x1", [["A100", 1, 39.4, 8.0]]],
    ["A100:80x8", [["A100", 8, 79.1, 8.0]]],
    ["Unheard:32x2", [["Unheard", 2, 32 * 0.91, 8.0]]],
  ])("%s", (text, expected) => {
    expect(parseGpus(text).map(({ name, count, usableGib, capability }) => [name, count, usableGib, capability])).toEqual(expected);
  });

  test.each(["", "L40S:48x0", "L40S:48x65", "Unheard", "L40S:", "x4", "L40S:0x1", "L40S;4", Array(9).fill("L4").join(",")])(
    "%j is refused with what was expected",
    (text) => expect(() => parseGpus(text)).toThrow(/--gpu: expected/),
  );
});

test("equal cards of this machine become one group, others their own; slices without memory are left out", () => {
  const groups = groupSeen([
    { index: 0, name: "NVIDIA L40S", totalMib: 46_068, usedMib: 0, capability: 8.9 },
    { index: 1, name: "NVIDIA RTX A6000", totalMib: 49_140, usedMib: 0, capability: 8.6 },
    { index: 2, name: "NVIDIA L40S", totalMib: 46_068, usedMib: 0, capability: 8.9 },
    { index: 3, name: "NVIDIA H100 MIG", totalMib: Number.NaN, usedMib: 0, capability: 9 },
  ]);
  expect(groups.map(({ name, count, indices }) => [name, count, indices])).toEqual([
    ["L40S", 2, [0, 2]],
    ["RTX A6000", 1, [1]],
  ]);
  // What PyTorch reports for these cards, within a hundredth.
  expect(groups[0]?.usableGib).toBeCloseTo(44.4, 0);
  expect(groups[1]?.usableGib).toBeCloseTo(47.5, 0);
});
