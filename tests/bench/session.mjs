/** One live session of a benchmark: connected, set to Opus, speaking at the pace of speech. */
import { NEW_CONVERSATION, openConnection, reduce } from "@aloud/client";
import { WebSocket } from "ws";

const PACKET_MS = 20;

/**
 * Speaks for so long and closes.
 * @param {string} url of the socket
 * @param {number} durationMs
 * @param {(atMs: number) => Uint8Array} packetAt the 20 ms packet to send at a time
 * @returns the conversation as the client knows it at the end
 */
export async function speakAtPace(url, durationMs, packetAt) {
  let conversation = NEW_CONVERSATION;
  const onEvent = (event) => {
    conversation = reduce(conversation, event);
  };
  const connection = openConnection({ url, WebSocket, onEvent });
  await connection.opened;
  connection.send({ type: "session.update", session: { type: "realtime", audio: { input: { format: { type: "audio/opus" } } } } });
  const startedAt = performance.now();
  for (let atMs = 0; atMs < durationMs; atMs += PACKET_MS) {
    connection.sendAudio(packetAt(atMs), atMs * 48);
    const wait = startedAt + atMs + PACKET_MS - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
  connection.close();
  await connection.closed;
  return conversation;
}
