/** How many tokens a server's pieces hold. */
import type { StreamPiece } from "./reading.ts";

type Piece = Extract<StreamPiece, { type: "piece" }>;

export function hasText({ reasoning, content, calls }: Piece): boolean {
  return reasoning !== "" || content !== "" || calls.length > 0;
}

/** Of one stream: by the server's running count where a piece tells it, else one for each piece with text. */
export class TokenCount {
  #counted = 0;

  /** @returns the tokens of this piece */
  add(piece: Piece): number {
    const tokens = piece.usage === undefined ? Number(hasText(piece)) : Math.max(0, piece.usage.completionTokens - this.#counted);
    this.#counted += tokens;
    return tokens;
  }
}
