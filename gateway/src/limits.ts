/** Every cap of the gateway, with its unit, its reason and what happens there. */

/** One WebSocket message. A base64 append of 1 s PCM16 at 24 kHz is 64,000 characters; larger → close 1009. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** The body of one HTTP request: a session's settings. Larger → 413. */
export const MAX_BODY_BYTES = 64 * 1024;
/** Fragments of one message. Real clients send one; 131,072 one-byte fragments pin 13.5 MB (ws#2331). More → close 1008. */
export const MAX_FRAGMENTS = 16;
/** Chunks of one frame that wait for the rest. More → close 1008. */
export const MAX_BUFFERED_CHUNKS = 64;
/** How long a peer may take to answer our close frame before its socket is destroyed, in ms. */
export const CLOSE_TIMEOUT_MS = 2_000;

/** A ping goes out this often; a peer that answered none since the last one is dead and is dropped. */
export const HEARTBEAT_MS = 20_000;
/** A session in which the client sends nothing for this long ends with `idle_timeout`. */
export const IDLE_TIMEOUT_MS = 15 * 60_000;
/** The longest session unless ALOUD_SESSION_MINUTES says otherwise, as OpenAI Realtime has it; ends with `session_expired`. */
export const MAX_SESSION_MS = 60 * 60_000;

/** Bytes waiting in the socket for a peer that does not read, at most; more → `slow_consumer`. */
export const MAX_OUTBOUND_BYTES = 4 * 1024 * 1024;
/** A peer whose backlog has not shrunk for this long does not read → `slow_consumer`. A size rule would make disconnect loops. */
export const SLOW_CONSUMER_MS = 10_000;
/** How often the backlog is looked at, only while there is one. */
export const BACKLOG_CHECK_MS = 1_000;

/** Messages of one connection per second, sustained and in one burst. 20 ms packets are 50; unpaced uploads burst. More → `rate_limited`. */
export const MESSAGES_PER_SECOND = 1_000;
export const MESSAGE_BURST = 6_000;
/** Errors of the client's own making that are answered; refilled at one per second. More → `too_many_errors`. */
export const ERROR_BURST = 30;
export const ERRORS_PER_SECOND = 1;

/** Audio taken in and not yet looked at by the VAD or prefilled, in ms of audio. More → `input_audio_buffer_full`, the new audio is dropped. */
export const MAX_BACKLOG_AUDIO_MS = 120_000;
/** One turn's speech. Longer → the turn ends there as if the speaker had paused. */
export const MAX_TURN_AUDIO_MS = 120_000;
/** A gap that the client shows (a jump in capture time) up to this long is concealed or filled; a longer one is cut to it. */
export const MAX_GAP_MS = 2_000;
/** Of a gap, this much is concealed by the decoder; the rest is silence, because concealment drones on. */
export const MAX_CONCEAL_MS = 60;

/** Items that a conversation keeps; the oldest is dropped to make room for what is spoken, a typed one is refused (`conversation_full`). */
export const MAX_ITEMS = 512;
/**
 * Deltas of an answer begun early that are held until the endpoint; more → the early answer is taken back and begun again at the endpoint, or, when that
 * has passed and only the words are still doubtful, decided about by what is known of them.
 */
export const MAX_HELD_DELTAS = 512;
/** How often an answer that hit the engine's token budget is continued. */
export const MAX_CONTINUATIONS = 4;
/** Responses outside the conversation that one session may have at a time; another is refused (`engine_busy`). */
export const MAX_ASIDES = 4;
/** Answer tokens of one `generate`. */
export const ANSWER_TOKENS = 512;

/** Opus decoders kept ready: one costs 2–10 ms to create and about 80 KB. */
export const DECODERS_READY = 4;

/** Bytes of a rejected upgrade's answer, and how long its socket may linger, in ms. */
export const REJECT_LINGER_MS = 1_000;
/** `Retry-After` of a full or draining gateway, in seconds. */
export const RETRY_AFTER_S = 5;
/** vLLM servers of one gateway: each is asked every second how it is. More → `invalid_value` at the start. */
export const MAX_REPLICAS = 64;

/** Client events of one session that wait for audio before them to be looked at; more → `rate_limited`. */
export const MAX_QUEUED_MESSAGES = 8_192;
/** How long peers may take to answer the close frames of a gateway that shuts down, in ms; then they are cut off. */
export const CLOSE_ALL_MS = 3_000;

/** Keys in the keys file. More → the file is refused (`keys_invalid`). */
export const MAX_KEYS = 1_000;
export const MAX_KEYS_FILE_BYTES = 1024 * 1024;
/** How often the keys file is looked at, in ms: a revoked key ends this soon. */
export const KEYS_POLL_MS = 2_000;
/** A credential in a header. Ours have 48 characters; longer ones cannot be ours and are refused unread. */
export const MAX_CREDENTIAL_LENGTH = 256;
/** Client secrets that have not expired, of one key and of all. More → `rate_limit_exceeded` until the first of them expires or is revoked. */
export const MAX_CLIENT_SECRETS_PER_KEY = 1_000;
export const MAX_CLIENT_SECRETS = 10_000;
/** Characters of all their settings together (instructions, tools), as JSON. More → as above. */
export const MAX_CLIENT_SECRET_CHARACTERS = 16 * 1024 * 1024;
/** Connections that a client secret opens, unless it is made with another number: a page that reconnects needs some. More → `invalid_api_key`. */
export const CLIENT_SECRET_USES = 10;
export const MAX_CLIENT_SECRET_USES = 1_000;
/** How long a client secret is good, in seconds: OpenAI's bounds and default. */
export const CLIENT_SECRET_SECONDS = { min: 10, max: 7_200, default: 600 } as const;
/** Wrong keys of one address that are answered as such, then refilled at one in five seconds. More → `rate_limit_exceeded`. */
export const WRONG_KEY_BURST = 20;
export const WRONG_KEYS_PER_SECOND = 0.2;
/** Addresses whose wrong keys are counted; for one more, the one that was quiet longest is forgotten. */
export const MAX_WRONG_KEY_ADDRESSES = 1_024;
