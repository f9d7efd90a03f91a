import { expect, test } from "vitest";
import { type Priority, Scheduler } from "./scheduler.ts";

/** Runs conversations that each ask for their next step when the last is done, and logs who ran. */
async function run(lives: readonly { name: string; priority: Priority; steps: number }[]): Promise<string> {
  const scheduler = new Scheduler();
  const log: string[] = [];
  await Promise.all(
    lives.map(async ({ name, priority, steps }) => {
      for (let n = 0; n < steps; n++) await scheduler.step(priority, async () => void log.push(name));
    }),
  );
  return log.join("");
}

test("conversations of one priority take turns", async () => {
  expect(
    await run([
      { name: "a", priority: "generate", steps: 3 },
      { name: "b", priority: "generate", steps: 3 },
    ]),
  ).toBe("ababab");
});

test("generating goes before prefilling, but every fifth step is a prefill's", async () => {
  expect(
    await run([
      { name: "p", priority: "prefill", steps: 3 },
      { name: "g", priority: "generate", steps: 8 },
    ]),
  ).toBe("pggggpggggp");
});

test("between two steps the event loop turns", async () => {
  const scheduler = new Scheduler();
  const log: string[] = [];
  setImmediate(() => log.push("event"));
  await Promise.all([
    scheduler.step("generate", async () => void log.push("1")),
    scheduler.step("generate", async () => void log.push("2")),
  ]);
  expect(log).toEqual(["1", "event", "2"]);
});

test("a step that throws, also synchronously, rejects and stops nobody else", async () => {
  const scheduler = new Scheduler();
  const thrown = scheduler.step("generate", () => {
    throw new Error("as told");
  });
  const next = scheduler.step("prefill", async () => "done");
  await expect(thrown).rejects.toThrow("as told");
  expect(await next).toBe("done");
  expect(scheduler.stepsDone).toBe(2);
  expect(scheduler.waiting).toBe(0);
});
