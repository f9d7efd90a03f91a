import { expect, test } from "vitest";
import { createEventStream } from "./event-stream.ts";

async function collect(stream: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const event of stream) all.push(event);
  return all;
}

test("a stream gives what was pushed before and after its reader came, in order", async () => {
  const stream = createEventStream<number>(async () => {});
  stream.push(1);
  const reading = collect(stream);
  stream.push(2);
  await Promise.resolve();
  stream.push(3);
  stream.end();
  stream.push(4);
  expect(await reading).toEqual([1, 2, 3]);
});

test("fail() rejects the reader after what was pushed, once", async () => {
  const stream = createEventStream<number>(async () => {});
  stream.push(1);
  stream.fail(new Error("as told"));
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  await expect(stream.next()).rejects.toThrow("as told");
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("breaking out calls onBreak and waits for it; a stream that has ended does not call it", async () => {
  const log: string[] = [];
  const stream = createEventStream<number>(async () => {
    await Promise.resolve();
    log.push("broken");
  });
  stream.push(1);
  for await (const _ of stream) break;
  log.push("after");
  expect(log).toEqual(["broken", "after"]);
  const ended = createEventStream<number>(async () => {
    log.push("never");
  });
  ended.push(1);
  ended.end();
  for await (const _ of ended) break;
  expect(log).not.toContain("never");
});

test("drop() forgets what nobody has read yet, but not what is to be kept", async () => {
  const stream = createEventStream<number>(async () => {});
  for (const event of [1, 2, 3]) stream.push(event);
  await stream.next();
  stream.drop((event) => event === 3);
  expect(await stream.next()).toEqual({ done: false, value: 3 });
});
