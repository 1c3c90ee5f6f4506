/**
 * The everyday server: handlers from `Request` to `Response`, upgrades and CONNECT included. Users call it; it checks what
 * it is given and makes the server of `server.ts`.
 *
 * @module
 */

import type { TcpAddress } from "../../duplex/socket.ts";
import {
  checkServe,
  type ServeHandler,
  type ServeOptions,
  type Server,
  type ServeTcpOptions,
} from "./serve_options.ts";
import { RunningServer } from "./server.ts";

/**
 * Serves HTTP/1.1, and HTTP/2 to the clients that ask for it over TLS.
 *
 * The handler may ignore that a request proposes an upgrade: then it is an ordinary request. Timeouts, limits and
 * strictness are those of `serveConnection`.
 *
 * @param options Where, and how.
 * @param handler Called for each request but CONNECT.
 * @throws {TypeError} An argument is missing or in the wrong place, or an option is of another kind.
 * @throws {RangeError} A number is out of range.
 * @returns The server, which is about to listen: `server.listening` says when and where.
 *
 * @example
 * ```ts
 * import { serve } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
 *   return new Response(`hello from ${new URL(request.url).pathname}`);
 * });
 * const [address] = await server.listening;
 * const response = await fetch(`http://127.0.0.1:${address.port}/tea`);
 * assertEquals(await response.text(), "hello from /tea");
 * ```
 */
export function serve(options: ServeTcpOptions, handler: ServeHandler): Server<TcpAddress>;
/**
 * The same at unix sockets as well: of an address that may be one, `port` is `undefined` then.
 *
 * @param options Where, and how.
 * @param handler Called for each request but CONNECT.
 * @throws {TypeError} An argument is missing or in the wrong place, or an option is of another kind.
 * @throws {RangeError} A number is out of range.
 * @returns The server, which is about to listen: `server.listening` says when and where.
 */
export function serve(options: ServeOptions, handler: ServeHandler): Server;
export function serve(options: ServeOptions, handler: ServeHandler): Server {
  checkServe(options, handler);
  return new RunningServer(options, handler);
}
