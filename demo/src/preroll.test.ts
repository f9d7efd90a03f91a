import { expect, test } from "vitest";
import { Preroll } from "./preroll.ts";

test("Preroll keeps the newest 300 ms, once", () => {
  const preroll = new Preroll<number>();
  for (let frame = 0; frame < 40; frame++) preroll.push(frame);
  expect(preroll.take()).toEqual(Array.from({ length: 15 }, (_, index) => 25 + index));
  expect(preroll.take()).toEqual([]);
});
