import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { type Surface, surfaceOf } from "../scripts/surface.ts";
import { projectFile, runtimeName, skipUnless, spawn } from "./support/runtime.ts";

const hint = "tests/surface.json differs; if that is meant: deno run -A scripts/refresh_surface.ts";

const surfaces = JSON.parse(readFileSync(projectFile("tests/surface.json"), "utf8")) as Record<string, Surface>;
const { exports } = JSON.parse(readFileSync(projectFile("deno.json"), "utf8")) as { exports: Record<string, string> };

const modules: Record<string, () => Promise<object>> = {
  ".": () => import("../mod.ts"),
  "./http1": () => import("../src/http1/mod.ts"),
  "./http2": () => import("../src/http2/mod.ts"),
  "./websocket": () => import("../src/websocket/mod.ts"),
  "./proxy": () => import("../src/proxy/mod.ts"),
  "./net": () => import("../src/net/mod.ts"),
  "./deno": () => import("../src/net/deno/mod.ts"),
  "./bun": () => import("../src/net/bun/mod.ts"),
  "./node": () => import("../src/net/node/mod.ts"),
};

test("surface.json and this file know every entry point of deno.json", () => {
  assertEquals(Object.keys(surfaces), Object.keys(exports), hint);
  assertEquals(Object.keys(modules), Object.keys(exports));
});

for (const [subPath, { values, types }] of Object.entries(surfaces)) {
  test(`${subPath} can be imported on any runtime and exports what surface.json lists`, async () => {
    const module = await modules[subPath]!();
    assertEquals(Object.keys(module).sort(), values, hint);
  });

  test(
    `${subPath} exports the types that surface.json lists`,
    skipUnless(runtimeName === "deno", "deno doc tells the types"),
    async () => {
      const { code, stdout, stderr } = await spawn(process.execPath, ["doc", "--json", exports[subPath]!]);
      assertEquals(code, 0, stderr);
      assertEquals(surfaceOf(stdout, await modules[subPath]!()), { values, types }, hint);
    },
  );
}
