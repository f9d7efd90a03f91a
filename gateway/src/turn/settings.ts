/** What one response is made with: the session's settings, and what `response.create` says instead. */
import {
  AloudError,
  type ConversationItem,
  checkToolChoice,
  type FunctionTool,
  type ItemOrReference,
  isAvailable,
  type MessageItemInput,
  type ResponseParams,
  type SessionConfig,
  type ToolChoice,
} from "@aloud/client/protocol";
import { type ConversationSetup, compileSchema, type HistoryItem, type Tool } from "@aloud/engine";
import { engineItems } from "../history.ts";
import { clientItem } from "../wire/items.ts";
import { type AnswerRequest, budgetFor } from "./generation.ts";

export interface ResponseSettings {
  readonly request: AnswerRequest;
  /** Instructions, tools and input that are not the session's; undefined when all of them are. */
  readonly own: ConversationSetup | undefined;
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly maxOutputTokens: number | "inf";
  readonly metadata: Readonly<Record<string, string>> | null;
}

/**
 * @param find an item of the conversation, for references
 * @throws AloudError `invalid_value` for a choice of a tool that is not declared or a schema that is none, `item_not_found` for a reference to nothing
 */
export function responseSettings(
  session: SessionConfig,
  params: ResponseParams,
  find: (id: string) => ConversationItem | undefined,
): ResponseSettings {
  const tools = params.tools ?? session.tools;
  const toolChoice = params.tool_choice ?? (isAvailable(session.toolChoice, tools) ? session.toolChoice : "auto");
  checkToolChoice(toolChoice, tools, "response.tool_choice");
  checkSchemas(params.tools, "response.tools");
  const effort = params.reasoning?.effort ?? session.reasoningEffort;
  const maxOutputTokens = params.max_output_tokens ?? session.maxOutputTokens;
  const setup = setupOf({ instructions: params.instructions ?? session.instructions, tools, toolChoice });
  const items = params.input == null ? undefined : inputItems(params.input, find);
  const mayDiffer = params.instructions != null || params.tools != null || params.tool_choice != null;
  const isOwn = items !== undefined || (mayDiffer && JSON.stringify(setup) !== JSON.stringify(setupOf(session)));
  return {
    request: {
      mode: effort === "none" ? "direct" : "think",
      toolChoice: toolChoice === "none" ? "none" : demandsCall(toolChoice) ? "required" : "auto",
      budget: budgetFor(effort, maxOutputTokens),
    },
    own: isOwn ? { ...setup, ...(items && { items }) } : undefined,
    toolChoice,
    parallelToolCalls: params.parallel_tool_calls ?? session.parallelToolCalls,
    maxOutputTokens,
    metadata: params.metadata ?? null,
  };
}

/** What a conversation is opened with, apart from its items. A choice of one tool offers no other. */
export function setupOf({
  instructions,
  tools,
  toolChoice,
}: Pick<SessionConfig, "instructions" | "tools" | "toolChoice">): ConversationSetup & { readonly tools: readonly Tool[] } {
  const offered = typeof toolChoice === "string" ? tools : tools.filter(({ name }) => name === toolChoice.name);
  return {
    instructions,
    tools: offered.map(({ name, description, parameters }) => ({ name, ...(description !== undefined && { description }), parameters })),
  };
}

/** Said when tools are declared, not when one is called. @throws AloudError `invalid_value` for parameters that are no JSON Schema */
export function checkSchemas(tools: readonly FunctionTool[] | null | undefined, path: string): void {
  tools?.forEach(({ name, parameters }, index) => {
    const param = `${path}[${index}].parameters`;
    try {
      compileSchema(name, parameters);
    } catch (cause) {
      throw new AloudError("invalid_value", `${param}: expected a JSON Schema (draft 7 to 2020-12) without references outside it`, {
        param,
        cause,
      });
    }
  });
}

/** Whether the model had to call a tool. */
export function demandsCall(choice: ToolChoice): boolean {
  return choice === "required" || typeof choice === "object";
}

/** The items of a response's own input, as the engine is told them. */
function inputItems(input: readonly ItemOrReference[], find: (id: string) => ConversationItem | undefined): HistoryItem[] {
  const items = input.map((entry, index) => {
    if (entry.type === "message") mustHaveWords(entry, `response.input[${index}]`);
    if (entry.type !== "item_reference") return clientItem(entry);
    const item = find(entry.id);
    const param = `response.input[${index}].id`;
    if (item === undefined) throw new AloudError("item_not_found", `${param}: no item of this id is in the conversation`, { param });
    return item;
  });
  return engineItems(items);
}

function mustHaveWords({ content }: MessageItemInput, path: string): void {
  const index = content.findIndex((part) => part.type === "input_audio" && part.transcript == null);
  if (index < 0) return;
  const param = `${path}.content[${index}].audio`;
  const what = "audio is heard in the conversation only; expected a transcript, or a reference to an item";
  throw new AloudError("unsupported_value", `${param}: ${what}`, { param });
}
