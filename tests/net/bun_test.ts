import * as bun from "../../src/net/bun/mod.ts";
import { runtimeName } from "../support/runtime.ts";
import { bunDiffers } from "./differences.ts";
import { bunNative } from "./natives.ts";
import { networkSuite } from "./suite.ts";

networkSuite({
  ...bun,
  name: "bun",
  resets: true,
  acceptsByItself: true,
  differs: bunDiffers,
  ...bunNative,
}, runtimeName === "bun");
