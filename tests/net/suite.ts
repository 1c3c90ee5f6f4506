/**
 * Everything that every runtime's network must do. A runtime's own file says in what it differs, and why.
 *
 * @module
 */

import { test } from "node:test";
import { skipUnless } from "../support/runtime.ts";
import type { Subject } from "./fixture.ts";
import { flowCases } from "./flow_cases.ts";
import { listenCases } from "./listen_cases.ts";
import { placeCases } from "./place_cases.ts";
import { plainCases } from "./plain_cases.ts";
import { startTlsCases } from "./start_tls_cases.ts";
import { tlsCases } from "./tls_cases.ts";
import { tlsInfoCases } from "./tls_info_cases.ts";

/**
 * Adds the whole suite, or one skipped test.
 *
 * @param subject What to test.
 * @param here Whether this is its runtime.
 */
export function networkSuite(subject: Subject, here: boolean): void {
  if (!here) {
    test(`${subject.name}: the network suite`, skipUnless(false, "this is another runtime"), () => {});
    return;
  }
  plainCases(subject);
  flowCases(subject);
  listenCases(subject);
  tlsCases(subject);
  tlsInfoCases(subject);
  startTlsCases(subject);
  placeCases(subject);
}
