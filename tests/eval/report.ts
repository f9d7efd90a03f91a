/** The model card's tables, in Markdown. Pure. */
import { type Budget, isMultiStep, keyOf } from "./jobs.ts";
import {
  callIsRight,
  finalErrors,
  isCommand,
  isDeclined,
  isInDomain,
  isRight,
  liveErrors,
  type Outcome,
  plansRightly,
  quoted,
} from "./outcome.ts";
import { areaUnderCurve, errorRate, groupBy, median, percent, table, wordErrors } from "./score.ts";

/** What was made beside the run, where it was made. */
export interface Peers {
  /** Whisper's name → clip's id → what it heard (`python -m aloud_nano.peers`). */
  readonly whisper: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  /** Key of a result → true claims, claims (`python -m aloud_nano.grounding`). */
  readonly grounding: Readonly<Record<string, readonly [number, number]>> | undefined;
}

const SAMPLES_PER_HOUR = 3_600 * 16_000;
const BUDGETS: readonly Budget[] = [0, 12, 24, 48, "full"];
const END_THRESHOLDS = [0.5, 0.8, 0.9];
const THRESHOLDS = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
/** Spoken requests in voices that training does not have: what the threshold must let through. */
const UNSEEN = new Set([
  "held-out espeak",
  "held-out espeak, 10 dB",
  "held-out espeak, Opus",
  "festival",
  "festival, Opus",
  "real: coffee-orders",
]);

const isSpoken = ({ clip }: Outcome) => clip.samples > 0;
const isNobody = ({ clip }: Outcome) => clip.set.startsWith("nobody");
const number = (value: number) => value.toFixed(1);

export function report(outcomes: readonly Outcome[], actions: ReadonlySet<string>, peers: Peers): string {
  const thought = outcomes.filter(({ budget }) => budget === "full");
  const sections: [string, string][] = [
    ["Sets", sets(thought)],
    ["Word errors beside plain full-context Whisper on the same clips", beside(thought, peers.whisper)],
    ["By voice family (in-domain)", by(thought, "family", ({ clip }) => clip.family)],
    [
      "By noise (held-out espeak, in-domain)",
      by(
        thought.filter(({ clip }) => clip.set.startsWith("held-out")),
        "noise",
        ({ clip }) => clip.noise,
      ),
    ],
    ["Intents below 98 % (voices not in training, up to 10 dB)", intents(thought)],
    ["Thinking against direct", againstDirect(outcomes)],
    ["Thinking budgets", budgets(outcomes, peers.grounding)],
    ["Questions about a sound, by task", tasks(thought)],
    ["Dialogues", dialogues(thought)],
    ["Tools", tools(thought)],
    ["True acoustic claims", grounding(thought, peers.grounding)],
    ["Nobody speaks to it, and the confidence threshold", calibration(thought, actions)],
    ["End of turn", endOfTurn(thought)],
  ];
  return sections.map(([title, body]) => `## ${title}\n\n${body}\n`).join("\n");
}

function sets(thought: readonly Outcome[]): string {
  const rows = [
    ...groupBy(
      thought.filter((one) => !isNobody(one)),
      ({ clip }) => clip.set,
    ),
  ].map(([name, all]) => {
    const asked = all.filter(isInDomain);
    const open = all.filter(({ clip }) => clip.intent === "open");
    const worded = all.filter((one) => isSpoken(one) && one.clip.text !== "");
    return [
      name,
      asked.length,
      percent(asked, isRight),
      worded.length === 0 ? "–" : number(errorRate(worded.map(finalErrors))),
      worded.length === 0 ? "–" : number(errorRate(worded.map(liveErrors))),
      open.length === 0 ? "–" : `${percent(open, isDeclined)} (${open.length})`,
    ];
  });
  return table(["set", "in-domain", "exact, %", "WER", "WER live", "open text declined"], rows);
}

function beside(thought: readonly Outcome[], whisper: Peers["whisper"]): string {
  if (whisper === undefined) return "Not measured: `python -m aloud_nano.peers`.";
  const names = Object.keys(whisper);
  const heard = thought.filter(({ clip }) => names.some((name) => whisper[name]?.[clip.id] !== undefined));
  const rate = (all: readonly Outcome[], texts: Readonly<Record<string, string>> = {}) =>
    all.every(({ clip }) => texts[clip.id] !== undefined)
      ? number(errorRate(all.map(({ clip }) => wordErrors(clip.text, texts[clip.id] ?? ""))))
      : "–";
  const rows = [...groupBy(heard, ({ clip }) => clip.set)].map(([set, all]) => [
    set,
    all.length,
    number(errorRate(all.map(finalErrors))),
    number(errorRate(all.map(liveErrors))),
    ...names.map((name) => rate(all, whisper[name])),
  ]);
  return table(["set", "clips", "nano", "nano live", ...names.map((name) => `Whisper ${name}`)], rows);
}

function by(thought: readonly Outcome[], head: string, keyOfOne: (one: Outcome) => string): string {
  const asked = thought.filter(
    (one) => isSpoken(one) && isInDomain(one) && one.clip.text !== "" && one.clip.conversation === "" && one.clip.finished,
  );
  const rows = [
    ...groupBy(
      asked.filter((one) => keyOfOne(one) !== ""),
      keyOfOne,
    ),
  ].map(([key, all]) => [key, all.length, percent(all, isRight), number(errorRate(all.map(finalErrors)))]);
  return table([head, "clips", "exact, %", "WER"], rows);
}

function intents(thought: readonly Outcome[]): string {
  const asked = thought.filter((one) => UNSEEN.has(one.clip.set) && isInDomain(one));
  const groups = [...groupBy(asked, ({ clip }) => clip.intent)];
  const failing = groups.filter(([, all]) => all.filter(isRight).length < 0.98 * all.length);
  const rows = failing.map(([intent, all]) => [intent, all.length, percent(all, isRight), percent(all, plansRightly)] as const);
  const rest = `The other ${groups.length - failing.length} of ${groups.length} intents are at 98 % or more.`;
  return `${table(
    ["intent", "clips", "exact, %", "call exact, %"],
    rows.toSorted((a, b) => Number.parseFloat(a[2]) - Number.parseFloat(b[2])),
  )}\n\n${rest}`;
}

/** The same clips with and without thinking. */
function againstDirect(outcomes: readonly Outcome[]): string {
  const direct = new Map(outcomes.filter(({ budget }) => budget === 0).map((one) => [one.clip.id, one]));
  const pairs = outcomes.filter((one) => one.budget === "full" && direct.has(one.clip.id) && isInDomain(one));
  const row = (name: string, members: readonly Outcome[]) => {
    const others = members.flatMap(({ clip }) => direct.get(clip.id) ?? []);
    const [think, without] = [percent(members, isRight), percent(others, isRight)];
    return [name, members.length, think, without, number(Number.parseFloat(think) - Number.parseFloat(without))];
  };
  const rows = [...groupBy(pairs, ({ clip }) => clip.set)].map(([set, members]) => row(set, members));
  const steps = pairs.filter(({ clip }) => isMultiStep(clip));
  return table(
    ["set", "clips", "thinking", "direct", "points"],
    [...rows, row("all of these", pairs), row("of these, two steps or more", steps)],
  );
}

function budgets(outcomes: readonly Outcome[], grounded: Peers["grounding"]): string {
  const groups: [string, (one: Outcome) => boolean][] = [
    ["two steps or more, held-out espeak", ({ clip }) => clip.set === "held-out espeak" && isMultiStep(clip)],
    ["questions about a sound", ({ clip }) => clip.set === "questions about a sound"],
  ];
  const rows = groups.map(([name, belongs]) => {
    const all = groupBy(outcomes.filter(belongs), ({ clip }) => clip.id);
    const whole = [...all.values()].filter((members) => BUDGETS.every((budget) => members.some((one) => one.budget === budget))).flat();
    const cells = BUDGETS.map((budget) =>
      percent(
        whole.filter((one) => one.budget === budget),
        isRight,
      ),
    );
    const full = whole.filter(({ budget }) => budget === "full");
    return [
      name,
      full.length,
      ...cells,
      median(full.map(({ result }) => result.thinkTokens)),
      grounded === undefined ? "–" : trueClaims(full, grounded),
    ];
  });
  return table(["clips of", "n", ...BUDGETS.map(String), "tokens thought (median)", "claims true, %"], rows);
}

function tasks(thought: readonly Outcome[]): string {
  const asked = thought.filter(({ clip }) => clip.set.startsWith("questions"));
  const rows = [...groupBy(asked, ({ clip }) => clip.question?.split(":")[0] ?? "")].map(([task, all]) => [
    task,
    all.length,
    percent(all, isRight),
  ]);
  return table(["question", "clips", "exact, %"], rows);
}

function dialogues(thought: readonly Outcome[]): string {
  const rows = ["dialogues, spoken", "dialogues, typed"].map((set) => {
    const all = thought.filter(({ clip }) => clip.set === set);
    const whole = [...groupBy(all, ({ clip }) => clip.conversation).values()];
    const later = all.filter(({ clip }) => clip.turn > 0);
    return [
      set,
      whole.length,
      percent(
        all.filter(({ clip }) => clip.turn === 0),
        isRight,
      ),
      later.length,
      percent(later, isRight),
      percent(whole, (turns) => turns.every(isRight)),
    ];
  });
  return table(["set", "dialogues", "first turn, %", "later turns", "later turns, %", "dialogues without an error, %"], rows);
}

function tools(thought: readonly Outcome[]): string {
  const declared = thought.filter(({ clip }) => clip.set === "tools: declared");
  const others = thought.filter(({ clip }) => clip.set === "tools: others declared");
  const failed = declared.filter(({ clip }) => /error|fail/.test(clip.result ?? ""));
  return table(
    ["what", "turns", "%"],
    [
      ["declared: a tool is called", declared.length, percent(declared, ({ result }) => result.toolCall !== undefined)],
      ["declared: exactly the call that is due", declared.length, percent(declared, callIsRight)],
      ["declared: and the result answered exactly", declared.length, percent(declared, isRight)],
      ["of these, the tool failed", failed.length, percent(failed, isRight)],
      [
        "others declared: no call, answered exactly",
        others.length,
        percent(others, (one) => one.result.toolCall === undefined && isRight(one)),
      ],
    ],
  );
}

function trueClaims(members: readonly Outcome[], grounded: NonNullable<Peers["grounding"]>): string {
  const counts = members.flatMap(({ clip, budget }) => [grounded[keyOf(clip, budget)] ?? [0, 0]]);
  const all = counts.reduce((sum, [, claims]) => sum + claims, 0);
  return all === 0 ? "–" : number((100 * counts.reduce((sum, [right]) => sum + right, 0)) / all);
}

function grounding(thought: readonly Outcome[], grounded: Peers["grounding"]): string {
  if (grounded === undefined) return "Not measured: `python -m aloud_nano.grounding`.";
  const judged = thought.filter(({ clip, budget }) => grounded[keyOf(clip, budget)] !== undefined);
  const rows = [...groupBy(judged, ({ clip }) => clip.set)].map(([set, all]) => [
    set,
    all.reduce((sum, { clip, budget }) => sum + (grounded[keyOf(clip, budget)]?.[1] ?? 0), 0),
    trueClaims(all, grounded),
  ]);
  return table(["set", "claims", "true, %"], rows);
}

function calibration(thought: readonly Outcome[], actions: ReadonlySet<string>): string {
  const nobody = thought.filter(isNobody);
  const kinds = [...groupBy(nobody, ({ clip }) => clip.set)];
  const hours = (all: readonly Outcome[]) => all.reduce((sum, { clip }) => sum + clip.samples, 0) / SAMPLES_PER_HOUR;
  const asked = thought.filter((one) => UNSEEN.has(one.clip.set) && isInDomain(one));
  const passes = ({ result }: Outcome, threshold: number) => (result.confidence ?? 1) >= threshold;
  const rows = THRESHOLDS.map((threshold) => {
    const commands = (all: readonly Outcome[]) => all.filter((one) => isCommand(one, actions) && passes(one, threshold)).length;
    return [
      threshold,
      ...kinds.map(([, all]) => commands(all)),
      (commands(nobody) / Math.max(1e-9, hours(nobody))).toFixed(2),
      percent(asked, (one) => passes(one, threshold)),
      percent(asked, (one) => passes(one, threshold) && isRight(one)),
    ];
  });
  const head = kinds.map(([set, all]) => `${set.replace("nobody: ", "")}, ${hours(all).toFixed(2)} h`);
  const quotes = nobody.filter((one) => quoted(one) !== "").length;
  const note = `Words are quoted in ${quotes} of ${nobody.length} segments in which nobody speaks to it. Requests: ${asked.length}.`;
  return `${table(["threshold", ...head, "commands an hour", "requests that pass, %", "pass and right, %"], rows)}\n\n${note}`;
}

function endOfTurn(thought: readonly Outcome[]): string {
  const scores = (set: string) => thought.flatMap(({ clip, result }) => (clip.set === set ? (result.endOfTurn ?? []) : []));
  const [espeak, festival, cut] = [scores("held-out espeak"), scores("festival"), scores("unfinished")];
  const rows = END_THRESHOLDS.map((threshold) => [
    threshold,
    percent(espeak, (score) => score > threshold),
    percent(festival, (score) => score > threshold),
    percent(cut, (score) => score <= threshold),
  ]);
  const head = ["threshold", `finished, espeak (${espeak.length}): above, %`, `finished, festival (${festival.length}): above, %`];
  const note = `Area under the curve: espeak ${areaUnderCurve(espeak, cut).toFixed(3)}, festival ${areaUnderCurve(festival, cut).toFixed(3)}.`;
  return `${table([...head, `cut mid-way, espeak (${cut.length}): below, %`], rows)}\n\n${note}`;
}

/** Every wrong answer of thinking, with what was heard. */
export function failures(outcomes: readonly Outcome[]): string {
  const wrong = outcomes.filter((one) => one.budget === "full" && one.clip.answer !== null && !isRight(one));
  return [...groupBy(wrong, ({ clip }) => clip.set)]
    .map(([set, all]) => {
      const lines = all.map(({ clip, result }) => {
        const call = result.toolCall === undefined ? "" : ` → ${result.toolCall.name}${result.toolCall.arguments}`;
        const problem = result.problem === undefined ? "" : ` (${result.problem})`;
        return `- ${clip.id} [${clip.intent}, ${clip.voice}] said: ${clip.text}\n  - due: ${clip.call} ${clip.answer}\n  - thought: ${result.semantic} / ${result.acoustic}${call}\n  - answered: ${result.afterTool ?? result.answer}${problem}`;
      });
      return `## ${set}: ${all.length}\n\n${lines.join("\n")}\n`;
    })
    .join("\n");
}
