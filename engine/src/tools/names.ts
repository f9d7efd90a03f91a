/** When two names mean the same. */

/** `setTimer`, `set-timer`, `Set timer` and `set_timer` are one name; so are `color` and `colour`. */
export function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/gu, "")
    .replace(/colour/gu, "color");
}
