import { networkOf } from "../../src/net/adapter.ts";
import { nodeAdapterOver } from "../../src/net/node/adapter.ts";
import { lendingSockets, plainSockets } from "../../src/net/node/sockets.ts";
import { runtimeName } from "../support/runtime.ts";
import { nodeDiffers } from "./differences.ts";
import { nodeNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

// What is used where connections have no handles, and where sockets cannot lend what they read either.
const fallbacks = { "node, sockets that lend": lendingSockets, "node, sockets with data events": plainSockets };
for (const [name, sockets] of Object.entries(fallbacks)) {
  const adapter = nodeAdapterOver(sockets);
  networkSuite({
    ...networkOf(() => adapter),
    name,
    resets: true,
    acceptsByItself: true,
    differs: nodeDiffers,
    ...nodeNative,
  }, runtimeName === "node");
}
