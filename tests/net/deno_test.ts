import * as deno from "../../src/net/deno/mod.ts";
import { runtimeName } from "../support/runtime.ts";
import { denoDiffers } from "./differences.ts";
import { denoNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

networkSuite({
  ...deno,
  name: "deno",
  resets: false, // Deno.Conn cannot send a reset
  acceptsByItself: false,
  differs: denoDiffers,
  ...denoNative,
}, runtimeName === "deno");
