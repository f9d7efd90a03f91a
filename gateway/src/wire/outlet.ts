/**
 * The last step of every server event: ids and numbers are added, and what a plain Realtime client must not see is taken out.
 * Strict clients end their session at an unknown event type, so the dialect is enforced here, whatever the rest of the gateway does.
 */
import { ALOUD_EVENT_TYPES, type Dialect, type ServerEventBody } from "@aloud/client/protocol";

export type Send = (event: ServerEventBody) => void;

/** @param write takes one serialized event */
export function createOutlet(dialect: Dialect, write: (json: string) => void): Send {
  let seq = 0;
  // A counter is enough for an id that only has to differ within its session, and costs no random bytes per delta.
  const eventId = (n: number) => `event_${n.toString(36).padStart(8, "0")}`;
  return (event) => {
    if (dialect === "realtime" && ALOUD_EVENT_TYPES.has(event.type)) return;
    seq += 1;
    write(JSON.stringify(dialect === "aloud" ? { ...event, event_id: eventId(seq), seq } : { ...event, event_id: eventId(seq) }));
  };
}
