import type { Model } from "../../engine/src/embedded/model.ts";

/** The model, writing down the id of every token that it generates: each is asked of the tokenizer once. */
export function recordingModel(model: Model, into: number[]): Model {
  const { tokenizer } = model;
  const control = (id: number) => {
    into.push(id);
    return tokenizer.control(id);
  };
  return { ...model, tokenizer: { ...tokenizer, control } };
}
