/** JSON Schema, as apps send it: checked by ajv, with what an untrusted schema could do kept in bounds. */
import { runInNewContext } from "node:vm";
import { AloudError } from "@aloud/client/protocol";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";

/** What is wrong with a value, or undefined. */
export type Check = (value: unknown) => string | undefined;

/** A pattern comes from the app and the text from whoever speaks; some pairs would take years. One that takes longer counts as no match. */
const MAX_PATTERN_MS = 50;

function boundedPattern(pattern: string, flags: string): { test(text: string): boolean; toString(): string } {
  // A pattern that is none fails here, when the schema is read.
  new RegExp(pattern, flags);
  return {
    test(text) {
      try {
        return runInNewContext("new RegExp(pattern, flags).test(text)", { pattern, flags, text }, { timeout: MAX_PATTERN_MS }) === true;
      } catch {
        return false;
      }
    },
    // ajv keeps patterns apart by what they say of themselves.
    toString: () => `/${pattern}/${flags}`,
  };
}

const regExp = Object.assign(boundedPattern, { code: "boundedPattern" });

/**
 * Formats and unknown keywords are annotations. References outside the schema are not followed.
 * @param schema draft 7 to 2020-12; absent: any object
 * @throws AloudError `invalid_value` when it is no JSON Schema
 */
export function compileSchema(tool: string, schema: Readonly<Record<string, unknown>> = {}): Check {
  // One instance each: it would keep every schema that it ever saw. The declared draft makes no difference to what tools use.
  const { $schema: _draft, $id: _id, ...rest } = schema;
  try {
    const ajv = new Ajv2020({ strict: false, validateFormats: false, addUsedSchema: false, logger: false, code: { regExp } });
    const validate = ajv.compile({ type: "object", ...rest });
    return (value) => (validate(value) ? undefined : describe(validate.errors?.[0]));
  } catch (error) {
    throw new AloudError("invalid_value", `tool ${tool}: parameters is no JSON Schema that can be used`, { cause: error });
  }
}

/** Names the place and the rule, never the value: it is what somebody said. */
function describe(error: ErrorObject | undefined): string {
  return error === undefined ? "is invalid" : `${error.instancePath || "the arguments"} ${error.message ?? error.keyword}`;
}
