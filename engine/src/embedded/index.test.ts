import { describeEngine } from "../testing/contract.ts";
import { openEmbeddedEngine } from "./index.ts";

describeEngine("the embedded engine with nano", () => openEmbeddedEngine());
