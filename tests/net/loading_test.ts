import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { projectFile, runtimeName, skipUnless, spawn } from "../support/runtime.ts";

/** Said one by one, since Deno's `spawn()` hands its own permissions on to a Deno that it starts. */
const nothingAllowed = ["net", "read", "write", "env", "run", "sys", "ffi"].map((what) => `--deny-${what}`);
const denoOnly = skipUnless(runtimeName === "deno", "permissions are Deno's");

for (const file of ["mod.ts", "deno/mod.ts", "bun/mod.ts", "node/mod.ts"]) {
  test(`src/net/${file} can be imported without any permission`, denoOnly, async () => {
    const stdin = `import { connect } from ${JSON.stringify("file://" + projectFile(`src/net/${file}`))};
console.log(typeof connect);`;
    const finished = await spawn(process.execPath, ["run", ...nothingAllowed, "--no-check", "--ext=ts", "-"], {
      stdin,
    });
    assertEquals([finished.code, finished.stdout], [0, "function\n"]);
  });
}

test("connect() without --allow-net rejects opened with address", denoOnly, async () => {
  const stdin = `import { connect } from ${JSON.stringify("file://" + projectFile("src/net/mod.ts"))};
await connect("127.0.0.1:1").opened.catch((error) => console.log(error.code, error.cause.name));`;
  const finished = await spawn(process.execPath, ["run", ...nothingAllowed, "--no-check", "--ext=ts", "-"], { stdin });
  assertEquals([finished.code, finished.stdout], [0, "address NotCapable\n"]);
});
