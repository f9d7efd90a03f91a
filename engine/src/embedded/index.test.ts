import { describeEngine } from "../testing/contract.ts";
import { openEmbeddedEngine } from "./index.ts";

// A short context, so that the tests that fill it are quick.
describeEngine("the embedded engine with nano", () => openEmbeddedEngine({ contextTokens: 256 }));
