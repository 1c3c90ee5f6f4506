import { networkOf } from "../../src/net/adapter.ts";
import { nodeAdapterOver } from "../../src/net/node/adapter.ts";
import { plainSockets } from "../../src/net/node/lent_reads.ts";
import { runtimeName } from "../support/runtime.ts";
import { nodeDiffers } from "./differences.ts";
import { nodeNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

// What is used where sockets cannot lend what they read.
const adapter = nodeAdapterOver(plainSockets);
networkSuite({
  ...networkOf(() => adapter),
  name: "node, sockets with data events",
  resets: true,
  acceptsByItself: true,
  differs: nodeDiffers,
  ...nodeNative,
}, runtimeName === "node");
