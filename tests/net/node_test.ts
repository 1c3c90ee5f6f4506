import * as node from "../../src/net/node/mod.ts";
import { runtimeName } from "../support/runtime.ts";
import { nodeDiffers } from "./differences.ts";
import { nodeNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

networkSuite({
  ...node,
  name: `node on ${runtimeName}`,
  resets: true,
  acceptsByItself: true,
  differs: nodeDiffers,
  ...nodeNative,
}, true);
