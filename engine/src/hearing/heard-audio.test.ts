import { expect, test } from "vitest";
import { type AudioBlock, addBlock, NO_AUDIO } from "./heard-audio.ts";

const block = (name: number, frames = 12): AudioBlock => ({ keys: Float32Array.of(name), values: Float32Array.of(name), frames });
const names = ({ blocks }: typeof NO_AUDIO) => blocks.map(({ keys }) => keys[0]);

test("addBlock() makes a new value and leaves the old one as it is", () => {
  const one = addBlock(NO_AUDIO, block(1), 36);
  const two = addBlock(one, block(2), 36);
  expect(names(one)).toEqual([1]);
  expect(two).toMatchObject({ frames: 24 });
  expect(names(two)).toEqual([1, 2]);
});

test("addBlock() forgets the oldest blocks beyond the window, never the newest", () => {
  const four = [1, 2, 3, 4].reduce((audio, name) => addBlock(audio, block(name), 36), NO_AUDIO);
  expect(names(four)).toEqual([2, 3, 4]);
  expect(four.frames).toBe(36);
  expect(names(addBlock(four, block(5), 6))).toEqual([5]);
});
