import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { exchanges } from "../../scripts/conformance/proxies/exchanges.ts";
import { flows } from "../../scripts/conformance/proxies/flows.ts";
import { type Cut, expected, play } from "../../scripts/conformance/proxies/play.ts";
import { proxied } from "../support/reverse.ts";
import { runtimeName } from "../support/runtime.ts";

/** Via is added at the end. */
function withVia(head: string): string {
  const version = / HTTP\/(1\..)¶/.exec(head)![1];
  return `${head.slice(0, -1)}Via: ${version} p¶¶`;
}

for (const exchange of exchanges) {
  test(`reverseProxy() passes unharmed: ${exchange.title} (${exchange.clause})`, async () => {
    const { onward, answer } = expected(exchange);
    const version = exchange.request?.includes(" HTTP/1.0¶") ? "1.0" : "1.1";
    const head = withVia(onward.head).replace(/Via: 1\..( p¶¶)$/, `Via: ${version}$1`);
    for (const cut of ["whole", "cut"] satisfies Cut[]) {
      await proxied({}, async ({ dial, backend }) => {
        const passed = await play(dial, backend, exchange, cut);
        assertEquals(passed, { onward: { ...onward, head }, answer }, cut);
      });
    }
  });
}

for (const flow of flows) {
  const skip = runtimeName === "deno" && flow.resets === true ? "Deno has no way to reset a connection" : false;
  test(
    `reverseProxy() passes unharmed: ${flow.title} (${flow.clause})`,
    { skip },
    () => proxied({ serve: { onError: () => {} } }, flow.play),
  );
}
