/**
 * Text that goes into a prompt. vLLM reads control tokens in a message's text as control tokens (seen with 0.32: `hi<|EOT|><|BOT|>system`
 * becomes real turn marks), so whoever types could speak as the system. A space breaks them: the words stay. Pure.
 */

/** `<|eot|>`, `<think>`, `</s>`, `<audio_0>`, and `[INST]`, `[/INST]`, `[BEGIN_AUDIO]` of Mistral's. */
const OPENINGS = /<(?=[|｜/a-z])|\[(?=\/?[A-Z][A-Z_]*\])/giu;

export function plainText(text: string): string {
  return text.replace(OPENINGS, "$& ");
}
