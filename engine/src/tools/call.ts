/** The way small models write a tool call: `set_light(room=kitchen, state=on)`. Values are bare and hold no comma and no bracket. Pure. */

export interface WrittenCall {
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

const CALL = /^([a-z][a-z0-9_]*)\(([^()]*)\)$/u;
const KEY = /^[a-z][a-z0-9_]*$/u;

/** @returns undefined when the text is no call */
export function parseCall(text: string): WrittenCall | undefined {
  const [, name, inside] = CALL.exec(text.trim()) ?? [];
  if (name === undefined || inside === undefined) return undefined;
  const values: Record<string, string> = {};
  for (const part of inside.split(", ").filter((piece) => piece !== "")) {
    const equals = part.indexOf("=");
    const key = part.slice(0, equals);
    const value = part.slice(equals + 1).trim();
    if (equals < 0 || !KEY.test(key) || value === "" || Object.hasOwn(values, key)) return undefined;
    values[key] = value;
  }
  return { name, values };
}

/** What would end a value is written as a space. */
export function writeCall({ name, values }: WrittenCall): string {
  const clean = (value: string) => value.replace(/[(),\s]+/gu, " ").trim();
  const parts = Object.entries(values).flatMap(([key, value]) => (clean(value) === "" ? [] : [`${key}=${clean(value)}`]));
  return `${name}(${parts.join(", ")})`;
}
