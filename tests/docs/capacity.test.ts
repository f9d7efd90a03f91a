/** docs/capacity.md's table of machines is what the plan computes, and its other arithmetic holds. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../gateway/src/config.ts";
import { parseGpus } from "../../gateway/src/plan/cards.ts";
import { COMPOSE_DIR, readyFile } from "../../gateway/src/plan/compose-file.ts";
import { choose, fitAll, type Placement } from "../../gateway/src/plan/fit.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/capacity.md");

const MACHINES: readonly { readonly gpu: string; readonly model?: string; readonly precision?: "fp8" }[] = [
  { gpu: "RTX4090:24x1" },
  { gpu: "A6000:48x1" },
  { gpu: "H100:80x1" },
  { gpu: "H100:80x1", model: "step-audio-r1.1", precision: "fp8" },
  { gpu: "H200:141x1" },
  { gpu: "L40S:48x4" },
  { gpu: "L40S:48x4", model: "qwen3-omni" },
  { gpu: "H100:80x8" },
];

function placed({ gpu, model, precision }: (typeof MACHINES)[number]): Placement {
  const fits = fitAll(parseGpus(gpu), { precision });
  const placement =
    model === undefined ? choose(fits) : fits.flatMap((each) => (each.fits ? each.placement : [])).find((each) => each.model.id === model);
  if (placement === undefined) throw new Error(`nothing fits on ${gpu}`);
  return placement;
}

function row(machine: (typeof MACHINES)[number]): string {
  const { gpu, model, precision } = machine;
  const placement = placed(machine);
  const { build, replicas, degree, sessions, sessionTokens, msPerToken = Number.NaN, budget, group } = placement;
  const command = [gpu, ...(model === undefined ? [] : ["--model", model]), ...(precision === undefined ? [] : ["--precision", precision])];
  const full = msPerToken + budget.kvBytes / ((group.gbPerSecond ?? Number.NaN) * 1e6);
  const file = readyFile(placement);
  const cells = [
    `\`${command.join(" ")}\``,
    `${placement.model.name} ${build.precision}, ${replicas} × ${degree}`,
    sessions,
    sessionTokens.toLocaleString("en"),
    msPerToken.toFixed(1),
    full.toFixed(1),
    file === undefined ? "" : `[${file}](../${COMPOSE_DIR}/${file})`,
  ];
  return `| ${cells.join(" | ")} |`.replace("|  |", "| |");
}

test.each(MACHINES)("the row of $gpu $model $precision", (machine) => {
  expect(page.split("\n")).toContain(row(machine));
});

describe("what the page counts with", () => {
  test("the gateway's cap and the container's memory", () => {
    const { maxSessions } = readConfig({}, {});
    expect(page).toContain(`\`ALOUD_MAX_SESSIONS\` is ${maxSessions}`);
    expect(page).toContain(`${maxSessions} sessions take 123 + ${3 * maxSessions} = ${123 + 3 * maxSessions} MiB`);
    const memory = /ALOUD_MEMORY:-(\d+)g/.exec(read(`${COMPOSE_DIR}/laptop.yaml`))?.[1];
    expect(page).toContain(`${memory} GB (\`ALOUD_MEMORY\`)`);
    expect(25 * maxSessions + 178 + 423).toBeLessThan(Number(memory) * 1_024);
  });

  test("alerts and panels that there are", () => {
    const alerts = read("deploy/prometheus/alerts.yaml");
    const named = [...page.matchAll(/`(Aloud[A-Z]\w+)`/g)].map((match) => match[1]);
    expect(named.length).toBeGreaterThan(4);
    for (const alert of named) expect(alerts).toContain(`alert: ${alert}\n`);
    for (const panel of ["Heard ahead", "Tokens of a response"]) {
      expect(page).toContain(`*${panel}*`);
      expect(read("deploy/grafana/dashboards/aloud.json")).toContain(`"title": "${panel}"`);
    }
  });
});
