/**
 * What everything that a proxy does has in common.
 *
 * @module
 */

import type { ServeInfo } from "../../http/server/serve_info.ts";
import type { RequestHouse, Source } from "./requests.ts";

/** What tunnels need besides what requests do. */
export interface TunnelHouse extends RequestHouse {
  /** Answers a request inside of a tunnel. */
  answerInside(request: Request, info: ServeInfo, source: Source, tunnel: number): Promise<Response>;
}
