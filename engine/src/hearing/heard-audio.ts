/**
 * What a turn's audio is to whatever thinks: keys and values to attend to, block by block as the encoder gives them. A value: a block more makes a new
 * one that shares the others, so a checkpoint is a reference.
 */

/** One encoder block. Never changed. */
export interface AudioBlock {
  /** [layers, heads, frames, width] row-major, for each layer of the decoder. */
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly frames: number;
}

export interface HeardAudio {
  /** Oldest first. */
  readonly blocks: readonly AudioBlock[];
  /** Sum over the blocks. */
  readonly frames: number;
}

/** What a typed turn has. */
export const NO_AUDIO: HeardAudio = { blocks: [], frames: 0 };

/** @param maxFrames beyond it the oldest blocks are forgotten */
export function addBlock(audio: HeardAudio, block: AudioBlock, maxFrames: number): HeardAudio {
  const blocks = [...audio.blocks, block];
  let frames = audio.frames + block.frames;
  let first = 0;
  while (frames > maxFrames && first < blocks.length - 1) {
    frames -= blocks[first]?.frames ?? 0;
    first += 1;
  }
  return { blocks: first === 0 ? blocks : blocks.slice(first), frames };
}
