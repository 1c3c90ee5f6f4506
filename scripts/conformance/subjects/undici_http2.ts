/**
 * undici's `Client` over HTTP/2.
 *
 * @module
 */

import type { ClientUnderTest } from "../probe.ts";
import { clientWith } from "./undici_client.ts";

/** With prior knowledge; its types do not know the option. Its `upgrade()` over HTTP/2 is for WebSocket. */
const options: object = { allowH2: true, useH2c: true };

/** See `undici_client.ts`. */
export const client: ClientUnderTest = clientWith(options, "websocket");
