/**
 * A reporter for Node. It says which test begins: Node's own reporters speak when a test ends, which one that hangs does
 * not, and Node 20 cannot be told how long a test may take. And it shows an error once.
 *
 * @module
 */

import { inspect } from "node:util";

export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type === "test:dequeue") yield `▷ ${data.name}\n`;
    if (type === "test:pass") yield `${data.skip === undefined ? "✔" : "﹣"} ${data.name}\n`;
    if (type === "test:fail") yield `✖ ${data.name}\n${indent(describe(data.details.error))}\n`;
    if (type === "test:diagnostic" && !/^\w+ [\d.]+$/.test(data.message)) yield `ℹ ${data.message}\n`;
  }
}

/** What the test threw, without the runner's part of the stack. */
function describe(error) {
  const { cause } = error;
  const text = typeof cause === "string" ? cause : inspect(cause ?? error);
  return text.replaceAll(
    /^ +at .*\(?(?:node:internal\/test_runner|node:async_hooks|node:internal\/process).*\n?/gm,
    "",
  );
}

function indent(text) {
  return text.trimEnd().replaceAll(/^/gm, "  ");
}
