/**
 * What is recorded of a session: the server's events in their order, without what differs from run to run (ids, times, token counts, words,
 * how many deltas a text came in). Ids become `item 1`, `item 2`, … in the order in which they appear.
 */
import type { WireEvent } from "../helpers/client.ts";

/**
 * Words are told whenever they are known, and clients ask for items and settings when it suits them, between any two other events: recorded
 * beside them.
 */
const ASIDE = /^(conversation\.item\.(input_audio_transcription\..*|retrieved)|session\.updated)$/;

/** @returns one line for each event; what is told beside them comes last, once of a kind */
export function recorded(events: readonly WireEvent[]): string {
  const names = new Map<string, string>();
  const name = (kind: string, id: unknown) => {
    if (typeof id !== "string") return String(id);
    const known = names.get(id) ?? `${kind} ${[...names.values()].filter((other) => other.startsWith(kind)).length + 1}`;
    names.set(id, known);
    return known;
  };
  const lines = events.map((event) => ({ isAside: ASIDE.test(event.type), line: describe(event, name) }));
  const of = (isAside: boolean) => lines.filter((line) => line.isAside === isAside).map(({ line }) => line);
  // Deltas that follow each other are one line.
  const inOrder = of(false).filter((line, at, all) => line !== all[at - 1]);
  return [...inOrder, ...[...new Set(of(true))].toSorted().map((line) => `beside: ${line}`), ""].join("\n");
}

function describe(event: WireEvent, name: (kind: string, id: unknown) => string): string {
  const parts: string[] = [event.type];
  const { item, part, response, error } = event;
  if (item !== undefined) parts.push(name("item", item.id), item.type, item.role, item.name, item.status, item.content?.[0]?.type);
  else if (event.item_id !== undefined) parts.push(name("item", event.item_id));
  if ("previous_item_id" in event) parts.push(`behind ${name("item", event.previous_item_id)}`);
  if (event.output_index !== undefined) parts.push(`output ${event.output_index}`);
  if (part !== undefined) parts.push(part.type);
  if (event.type === "response.function_call_arguments.done") parts.push(event.name, event.arguments);
  if (response !== undefined) {
    parts.push(response.status, response.status_details?.reason, response.status_details?.error?.code);
    for (const output of response.output) parts.push(name("item", output.id));
  }
  if (error !== undefined) parts.push(error.type, error.code);
  return parts.filter((each) => each !== undefined && each !== null).join(" · ");
}
