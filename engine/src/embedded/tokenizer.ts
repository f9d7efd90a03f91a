/**
 * Text and control tokens of a model. Text that a person wrote or said never becomes a control token: the tokenizer is built without
 * them, and the prompt names them by id.
 */
import { AloudError } from "@aloud/client/protocol";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { ByteLevelStream } from "../text/byte-level.ts";

export interface Tokenizer {
  /** Tokens of plain text. */
  encode(text: string): number[];
  /** The token's spelling in the byte-level alphabet. */
  spelling(id: number): string;
  /** The control token's spelling if `id` is one. */
  control(id: number): string | undefined;
  /** @throws AloudError `model_invalid` when the model has no such control token */
  controlId(spelling: string): number;
}

export function createTokenizer(
  tokenizerJson: Record<string, unknown>,
  tokenizerConfig: Record<string, unknown>,
  specialTokens: ReadonlyMap<string, number>,
): Tokenizer {
  const inner = new HuggingFaceTokenizer({ ...tokenizerJson, added_tokens: [] }, tokenizerConfig);
  const controls = new Map([...specialTokens].map(([spelling, id]) => [id, spelling]));
  return {
    encode: (text) => [...inner.encode(text, { add_special_tokens: false }).ids],
    spelling: (id) => inner.id_to_token(id) ?? "",
    control: (id) => controls.get(id),
    controlId(spelling) {
      const id = specialTokens.get(spelling);
      if (id === undefined) throw new AloudError("model_invalid", `config.json: special_tokens lacks ${spelling}, which the prompt uses`);
      return id;
    },
  };
}

export function textOf(tokenizer: Pick<Tokenizer, "spelling">, tokens: readonly number[]): string {
  const bytes = new ByteLevelStream();
  return tokens.map((token) => bytes.push(tokenizer.spelling(token))).join("") + bytes.end();
}
