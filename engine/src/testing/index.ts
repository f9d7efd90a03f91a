/** Engines for tests. The contract suite is apart (`@aloud/engine/testing/contract`), because it imports vitest. */
export * from "./scripted.ts";
