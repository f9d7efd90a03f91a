/** Finds the first quotation in text that arrives in pieces. nano quotes the user's words as it understood them. */

export type Quotation =
  | { readonly type: "before" }
  | { readonly type: "inside"; readonly text: string }
  | { readonly type: "complete"; readonly text: string };

export const NO_QUOTATION: Quotation = { type: "before" };

/** @param marks what opens and closes the quotation: one character each. */
export function readQuotation(state: Quotation, marks: { readonly open: string; readonly close: string }, delta: string): Quotation {
  if (state.type === "complete") return state;
  let rest = delta;
  let text = "";
  if (state.type === "before") {
    const at = delta.indexOf(marks.open);
    if (at < 0) return state;
    rest = delta.slice(at + marks.open.length);
  } else {
    text = state.text;
  }
  const end = rest.indexOf(marks.close);
  return end < 0 ? { type: "inside", text: text + rest } : { type: "complete", text: text + rest.slice(0, end) };
}
