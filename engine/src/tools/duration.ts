/** Durations as models write them, `1h30m`, `15m`, `45s`, in the units that programs ask for. Pure. */

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/u;

/** @returns undefined when the text is no duration */
export function parseDuration(text: string): { readonly seconds: number } | undefined {
  const [, hours, minutes, seconds] = DURATION.exec(text) ?? [];
  if (hours === undefined && minutes === undefined && seconds === undefined) return undefined;
  return { seconds: Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0) };
}

export function writeDuration(totalSeconds: number): string {
  const whole = Math.round(totalSeconds);
  const parts = [
    [Math.floor(whole / 3_600), "h"],
    [Math.floor((whole % 3_600) / 60), "m"],
    [whole % 60, "s"],
  ] as const;
  const written = parts.flatMap(([amount, unit]) => (amount > 0 ? [`${amount}${unit}`] : [])).join("");
  return written === "" ? "0s" : written;
}

/** ISO 8601, which is what JSON Schema's format `duration` means: `PT1H30M`. */
export function isoDuration(totalSeconds: number): string {
  return `PT${writeDuration(totalSeconds).toUpperCase()}`;
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 0.001],
  ["millis", 0.001],
  ["milliseconds", 0.001],
  ["sec", 1],
  ["secs", 1],
  ["seconds", 1],
  ["mins", 60],
  ["minutes", 60],
  ["hours", 3_600],
]);

/** The unit that a property's name ends in (`duration_minutes`, `timeoutMs`, `minutes`), in seconds, and the name without it. */
export function unitOf(property: string): { readonly name: string; readonly seconds: number } | undefined {
  const words = property
    .replace(/([a-z0-9])([A-Z])/gu, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/u);
  const seconds = UNITS.get(words.at(-1) ?? "");
  return seconds === undefined ? undefined : { name: words.slice(0, -1).join("_"), seconds };
}
