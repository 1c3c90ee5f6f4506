/**
 * src/http2/README.md and the tables of the machine tell the same.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { DEFAULT_HTTP2_LIMITS } from "../../src/http2/machine/limits.ts";
import { RECEPTION, type Reception, STREAM_STEPS } from "../../src/http2/machine/stream_state.ts";
import { codesIn, manual, sectionOf, tablesOf } from "../readme/manuals.ts";

const page = manual("src/http2/README.md");
const [steps, frames] = tablesOf(sectionOf(page, "## The life of a stream"));

test("src/http2/README.md: the steps of a stream are those of STREAM_STEPS", () => {
  const columns = ["headers", "we-end", "peer-ends", "peer-resets", "we-reset"];
  const told = steps!.rows.map(([state, ...next]) => [
    codesIn(state!)[0],
    Object.fromEntries(columns.flatMap((column, at) => codesIn(next[at]!).map((code) => [column, code]))),
  ]);
  const last = Object.entries(STREAM_STEPS).filter(([, next]) => Object.keys(next).length > 0);
  assertEquals(Object.fromEntries(told), Object.fromEntries(last));
});

test("src/http2/README.md: what a frame means in each state is what RECEPTION says", () => {
  const words: Readonly<Record<Reception, string>> = {
    "take": "take",
    "ignore": "ignore",
    "stream-closed": "stream: stream-closed",
    "connection-stream-closed": "connection: stream-closed",
    "connection-protocol": "connection: protocol",
  };
  const told = frames!.rows.map(([state, ...cells]) => [codesIn(state!)[0], cells]);
  const expected = Object.entries(RECEPTION).map(([state, row]) => {
    assertEquals(row["rst-stream"], row["window-update"]);
    return [state, [words[row.headers], words[row.data], words[row["rst-stream"]]]];
  });
  assertEquals(told, expected);
});

test("src/http2/README.md: every limit is there", () => {
  const [limits] = tablesOf(sectionOf(page, "## What a peer may make us hold or do"));
  const told = limits!.rows.flatMap(([, , names]) => codesIn(names!));
  assertEquals(told.toSorted(), Object.keys(DEFAULT_HTTP2_LIMITS).toSorted());
});
