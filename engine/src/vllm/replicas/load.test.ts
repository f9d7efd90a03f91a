import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Load, pressureOf, readLoad } from "./load.ts";

const labels = '{engine="0",model_name="tiny-audio"}';
/** As vLLM 0.32 wrote them. */
const RECORDED = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running${labels} 2.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting${labels} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny-audio",reason="capacity"} 1.0
vllm:kv_cache_usage_perc${labels} 0.25
vllm:prefix_cache_queries_total${labels} 41100.0
`;

describe("readLoad()", () => {
  test("reads what vLLM 0.32 writes", () => {
    expect(readLoad(RECORDED)).toEqual({ waiting: 1, cacheUsage: 0.25 });
  });

  test("knows the older name of the cache's usage", () => {
    expect(readLoad(`vllm:gpu_cache_usage_perc${labels} 0.5\n`)).toMatchObject({ cacheUsage: 0.5 });
  });

  test("adds the engines of one server up, and takes the fullest cache", () => {
    expect(readLoad(`${RECORDED}${RECORDED.replaceAll('"0"', '"1"').replace("0.25", "0.75")}`)).toEqual({
      waiting: 2,
      cacheUsage: 0.75,
    });
  });

  test.each([
    ["nothing", ""],
    ["a page", "<html><body>vllm:num_requests_waiting 5</body></html>"],
    ["absurd numbers", `vllm:num_requests_waiting${labels} 1.7e308\nvllm:num_requests_waiting${labels} 1.7e308\n`],
    ["another exporter", "process_cpu_seconds_total 3.5\n"],
    [
      "no numbers",
      `vllm:num_requests_waiting${labels} NaN\nvllm:num_requests_waiting${labels} +Inf\nvllm:kv_cache_usage_perc${labels} -1\n`,
    ],
    ["an unfinished line", 'vllm:num_requests_waiting{engine="0'],
  ])("makes nothing of %s", (_what, text) => {
    expect(readLoad(text)).toBeUndefined();
  });

  test("believes no cache that is more than full", () => {
    expect(readLoad(`vllm:kv_cache_usage_perc${labels} 1e9\n`)?.cacheUsage).toBe(1);
  });

  test("whatever comes, gives finite figures or nothing", () => {
    const line = fc.tuple(
      fc.constantFrom("vllm:num_requests_waiting", "vllm:kv_cache_usage_perc", "vllm:", "#", ""),
      fc.constantFrom("", labels, "{", "}", "{}"),
      fc.oneof(fc.double(), fc.string({ maxLength: 40 })),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const load = readLoad(lines.map(([name, label, value]) => `${name}${label} ${value}`).join("\n"));
        for (const figure of Object.values(load ?? {})) expect(Number.isFinite(figure) && figure >= 0).toBe(true);
      }),
    );
  });
});

describe("pressureOf()", () => {
  const load = (waiting: number, cacheUsage: number): Load => ({ waiting, cacheUsage });

  test.each([
    ["none", [load(0, 0.5), load(0, 0.84)]],
    ["none", [load(0, 0.1), load(50, 1)]],
    ["pressed", [load(1, 0.1), load(3, 0.1)]],
    ["pressed", [load(0, 0.9), load(0, 0.86)]],
    ["full", [load(0, 0.97), load(0, 0.96)]],
    ["full", [load(9, 0.2), load(8, 0.2)]],
    ["none", [load(9, 1), undefined]],
    ["none", [load(9, 1)]],
    ["none", []],
  ] as const)("is %s for %j", (pressure, looks) => {
    expect(pressureOf(looks)).toBe(pressure);
  });
});
