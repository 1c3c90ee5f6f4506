import * as net from "../../src/net/mod.ts";
import { runtimeName } from "../support/runtime.ts";
import { bunDiffers, denoDiffers, nodeDiffers } from "./differences.ts";
import { bunNative, denoNative, nodeNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

networkSuite({
  ...net,
  name: "net",
  resets: runtimeName !== "deno", // Deno.Conn cannot send a reset
  acceptsByItself: runtimeName !== "deno",
  differs: { deno: denoDiffers, bun: bunDiffers, node: nodeDiffers }[runtimeName],
  ...{ deno: denoNative, bun: bunNative, node: nodeNative }[runtimeName],
}, true);
