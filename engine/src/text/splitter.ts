/**
 * The reasoning splitter: sorts what a model writes into channels. Pure and incremental.
 * Models that mark channels by token ids feed it marks directly; models that write marks as text go through
 * `text-marks.ts` first. It knows neither tokens nor runtimes.
 */
import type { Channel } from "../engine.ts";

export type Mark = "think_open" | "acoustic_open" | "think_close" | "tool_open" | "tool_close";

export type Piece = { readonly type: "mark"; readonly mark: Mark } | { readonly type: "text"; readonly text: string };

export interface ChannelText {
  readonly channel: Channel;
  readonly text: string;
}

/** Where the splitter stands. `isFresh`: nothing but white space has come on this channel since it was entered. */
export interface SplitState {
  readonly channel: Channel;
  readonly isFresh: boolean;
}

export function startSplit(channel: Channel): SplitState {
  return { channel, isFresh: true };
}

export function isThinking(state: SplitState): boolean {
  return state.channel === "semantic" || state.channel === "acoustic";
}

/**
 * One piece in; the next state and, for text, what it says on which channel. White space at the start of a channel is
 * dropped. A thinking mark after thinking was closed is ignored: an answer cannot slip back into a hidden place.
 */
export function split(state: SplitState, piece: Piece): { readonly state: SplitState; readonly out: ChannelText | undefined } {
  if (piece.type === "mark") {
    const channel = channelAfter(state, piece.mark);
    return { state: channel === state.channel ? state : startSplit(channel), out: undefined };
  }
  const text = state.isFresh ? piece.text.trimStart() : piece.text;
  if (text === "") return { state, out: undefined };
  return { state: { channel: state.channel, isFresh: false }, out: { channel: state.channel, text } };
}

function channelAfter(state: SplitState, mark: Mark): Channel {
  switch (mark) {
    case "think_open":
      return isThinking(state) ? "semantic" : state.channel;
    case "acoustic_open":
      return isThinking(state) ? "acoustic" : state.channel;
    case "think_close":
      return isThinking(state) ? "answer" : state.channel;
    case "tool_open":
      return isThinking(state) ? state.channel : "tool_call";
    case "tool_close":
      return state.channel === "tool_call" ? "answer" : state.channel;
  }
}
