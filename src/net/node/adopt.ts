/**
 * From a socket that code of `node:http` has opened to a socket of this package. `node_http/` calls it, with what the
 * `upgrade` and `connect` events hand out.
 *
 * @module
 */

import type { Socket as NetSocketOfNode } from "node:net";
import type { SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import type { TlsInfo } from "../../duplex/tls_info.ts";
import { networkOf } from "../adapter.ts";
import { type NativeEnds, socketInfo } from "../address.ts";
import { transportError } from "../errors.ts";
import { NetSocket } from "../net_socket.ts";
import { tlsInfo, type TlsTeller } from "../tls_info.ts";
import { nodeAdapter } from "./adapter.ts";
import { cutNodeSocket, NodeTransport } from "./transport.ts";

/** What `net.Socket` and `tls.TLSSocket` tell of a connection. */
export interface Described extends NativeEnds, TlsTeller {
  readonly encrypted?: boolean;
  readonly alpnProtocol?: string | false | null;
  readonly authorized?: boolean;
  readonly server?: { address?(): unknown } | null;
  setTimeout?(ms: number): unknown;
}

/** A socket that is open from the beginning. */
export interface Adopted {
  readonly socket: NetSocket;
  readonly info: SocketInfo;
}

const network = networkOf(() => nodeAdapter);

/**
 * Takes over a duplex stream of Node that is open and has no reader.
 *
 * @param native A `net.Socket`, a `tls.TLSSocket`, or any `stream.Duplex`.
 * @param readBefore What was read of it already, in memory of its own; comes first.
 * @param below The socket that tells of the connection: `native` itself, or what it reads from.
 */
export function adoptNodeSocket(native: NetSocketOfNode, readBefore: Uint8Array, below: object): Adopted {
  const described = below as Described;
  const secure = described.encrypted === true;
  const socket = new NetSocket((socket, options) => network.startTls(socket, options), secure ? "on" : "starttls");
  described.setTimeout?.(0); // `server.setTimeout()` has set one
  if (readBefore.byteLength > 0) socket.readSide.received(readBefore);
  const info = nodeSocketInfo(described);
  socket.attach(new NodeTransport(native, socket.readSide, cutNodeSocket), info);
  // What has happened before tells no event any more.
  if (native.destroyed) socket.failed(transportError(native.errored ?? closedBefore(), "read"));
  else if (native.readableEnded) socket.readSide.ended();
  return { socket, info };
}

function closedBefore(): Error {
  return Object.assign(new Error("the socket is closed"), { code: "ERR_STREAM_DESTROYED" });
}

/** What a socket of a server of `node:http` or `node:https` tells of its connection. */
export function nodeSocketInfo(socket: Described): SocketInfo {
  const { alpnProtocol, remoteAddress, remotePort = 0, localAddress = "", localPort = 0 } = socket;
  const alpn = typeof alpnProtocol === "string" ? alpnProtocol : null;
  const describeTls = socket.encrypted === true ? () => nodeTlsInfo(socket) : null;
  const path = remoteAddress === undefined ? pathOf(socket) : null;
  const remote = path ?? { hostname: remoteAddress!, port: remotePort };
  return socketInfo(remote, path ?? { hostname: localAddress, port: localPort }, alpn, describeTls);
}

function nodeTlsInfo(socket: Described): TlsInfo {
  const { alpnProtocol, authorized = null } = socket;
  return tlsInfo(socket, typeof alpnProtocol === "string" ? alpnProtocol : null, authorized);
}

/** The path of a unix socket, as far as its server tells; else an empty one. */
function pathOf({ server }: Described): SocketAddress {
  const path = server?.address?.();
  return { path: typeof path === "string" ? path : "" };
}
