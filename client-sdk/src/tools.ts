/** Tools of an app, run when the model calls them: declared to the session, answered with their results, one follow-up response for all. */
import type { ClientEvent } from "./protocol/client-events.ts";
import type { FunctionCallItem } from "./protocol/items.ts";
import type { ServerEvent } from "./protocol/server-events.ts";
import type { FunctionTool, JsonSchema } from "./protocol/tools.ts";

export interface Tool {
  readonly description?: string;
  /** JSON Schema of the arguments, an object schema. The server checks every call against it. */
  readonly parameters?: JsonSchema;
  /** @returns the result, as JSON or as text. What it throws is told to the model as the result, by its message. */
  readonly run: (args: Readonly<Record<string, unknown>>) => unknown;
}

export interface Toolbox {
  /** For `session.update`: `send({ type: "session.update", session: toolbox.session })`. */
  readonly session: { readonly tools: FunctionTool[] };
  /** Give it every server event. Resolves when the calls of this one have been answered. */
  handle(event: ServerEvent): Promise<void>;
}

const NO_PARAMETERS: JsonSchema = { type: "object", properties: {} };

/**
 * ```ts
 * const toolbox = createToolbox(
 *   { set_timer: { parameters: schema, run: ({ minutes }) => startTimer(Number(minutes)) } },
 *   (event) => connection.send(event),
 * );
 * ```
 * @param send takes the results and the request for the model's answer to them
 */
export function createToolbox(tools: Readonly<Record<string, Tool>>, send: (event: ClientEvent) => void): Toolbox {
  const declared = Object.entries(tools).map(([name, { description, parameters = NO_PARAMETERS }]): FunctionTool => {
    return { type: "function", name, ...(description !== undefined && { description }), parameters };
  });
  return {
    session: { tools: declared },
    async handle(event) {
      if (event.type !== "response.done" || event.response.status !== "completed") return;
      const isMine = (name: string) => Object.hasOwn(tools, name);
      const calls = event.response.output.filter((item): item is FunctionCallItem => item.type === "function_call" && isMine(item.name));
      if (calls.length === 0) return;
      const outputs = await Promise.all(calls.map((call) => outputOf(tools[call.name], call)));
      calls.forEach(({ call_id }, index) => {
        send({ type: "conversation.item.create", item: { type: "function_call_output", call_id, output: outputs[index] ?? "" } });
      });
      // An answer outside the conversation does not go on.
      if (event.response.conversation_id !== null) send({ type: "response.create" });
    },
  };
}

async function outputOf(tool: Tool | undefined, call: FunctionCallItem): Promise<string> {
  try {
    const result = await tool?.run(JSON.parse(call.arguments) as Record<string, unknown>);
    return typeof result === "string" ? result : (JSON.stringify(result) ?? "ok");
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
  }
}
