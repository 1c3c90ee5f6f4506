/**
 * TLS over any channel, with `node:tls`, which all three runtimes have. It is `secure` of Node's adapter; those of Deno
 * and Bun load this file only for what they cannot do themselves.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { Duplex as NodeDuplex } from "node:stream";
import tls from "node:tls";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { ignore } from "../../duplex/deferred.ts";
import type { StartTlsOptions, TlsOptions, TlsServerOptions } from "../../duplex/network.ts";
import type { SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import type { HeldChannel } from "../../duplex/held_channel.ts";
import type { X509 } from "../certificate.ts";
import { sessionOf, TlsResumption } from "../../duplex/tls_session.ts";
import { isAtLeast } from "../../platform/version.ts";
import { socketInfo } from "../address.ts";
import { NetSocket } from "../net_socket.ts";
import { type Below, cutNodeSocket, holdSocket, NodeTransport, waitingIn } from "./transport.ts";
import { tlsInfo } from "../tls_info.ts";
import { TlsRecords } from "../tls_records.ts";

/** What the handshake runs over. */
interface Under extends Below {
  readonly info: SocketInfo;
  cut(): void;
  /** Told which socket decrypts what is read, so that reading stops when that one is paused. */
  feeds(native: tls.TLSSocket): void;
}

/**
 * 16 KiB, a record: so much is handed to TLS in one go, and read while what is decrypted is not taken. Deno's TLS holds
 * 64 KiB at most, and never looks again at what came behind them (seen on 2.9.6: an end that is never told).
 */
const MOST_GIVEN_BYTES = 16 * 1024;

const NOWHERE: SocketAddress = { path: "" };
const UNKNOWN: SocketInfo = socketInfo(NOWHERE, NOWHERE, null);
/** Not in the types of `tls.connect()` and `tls.TLSSocket`, which take it all the same. */
const HALF_OPEN: object = { allowHalfOpen: true };
/**
 * Deno's TLS over its own `net.Socket` knows no back-pressure, and stops for good when much goes both ways. That of Node 20 and 22
 * loses what comes together with the peer's end once our side has ended, and tells of an end all the same.
 */
const losesUnderSocket = "Deno" in globalThis || !("Bun" in globalThis || isAtLeast(process.versions.node, 24));
/** Parsing certificates costs more than a handshake: a listener's options are parsed once. */
const contexts = new WeakMap<TlsServerOptions, tls.SecureContext>();

/** See `Adapter.secure`. */
export async function secureWithNode(
  socket: NetSocket,
  transport: HeldChannel,
  options: StartTlsOptions,
): Promise<void> {
  const under = transport instanceof NetSocket ? await underSocket(transport) : underChannel(transport, UNKNOWN);
  if (socket.over) return under.cut();
  socket.cancel = under.cut;
  try {
    const resumption = options.isServer === true ? null : resumptionOf(options);
    const native = await (options.isServer === true
      ? serverHandshake(under.stream, options)
      : clientHandshake(under.stream, options, resumption));
    const certificate = resumption?.succeeded(native.isSessionReused(), native.getPeerX509Certificate());
    const alpn = typeof native.alpnProtocol === "string" ? native.alpnProtocol : null;
    const { remote, local } = under.info;
    const authorized = options.isServer !== true || (options.requireClientCert === true && native.authorized);
    const cut = (): void => {
      native.destroy();
      under.cut();
    };
    const info = socketInfo(remote, local, alpn, () =>
      tlsInfo(native, alpn, authorized, certificate as X509 | null));
    socket.attach(new NodeTransport(native, socket.readSide, cut, under), info);
    under.feeds(native);
  } catch (error) {
    under.stream.destroy(); // and not cut: the alert that tells the peer why must get through
    throw error;
  }
}

async function underSocket(transport: NetSocket): Promise<Under> {
  const info = await transport.opened;
  await transport.written;
  if (transport.secureTransport === "on" || !(transport.native instanceof net.Socket) || losesUnderSocket) {
    return underChannel(transport, info); // Node's TLS in TLS loses what comes behind our end (seen on 24 and 26)
  }
  const { native, readBuf, ended } = transport.release();
  const stream = native as net.Socket;
  stream.on("error", ignore);
  if (ended) {
    stream.destroy();
    throw new Error("the peer has ended its side");
  }
  if (readBuf.byteLength > 0) stream.unshift(readBuf);
  const probe = (): void => void (stream.writable && stream.write(NO_BYTES));
  const holdProgram = (holds: boolean): void => holdSocket(stream, holds);
  const cut = (): void => cutNodeSocket(stream);
  return {
    stream,
    truncated: false,
    info,
    get sendMark(): number {
      return waitingIn(stream);
    },
    cut,
    feeds: ignore,
    probe,
    holdProgram,
  };
}

function underChannel(channel: HeldChannel, info: SocketInfo): Under {
  const records = "Deno" in globalThis ? new TlsRecords() : null;
  let fed: tls.TLSSocket | null = null;
  let left: Uint8Array | null = null;
  let readAhead = 0;
  let waiting = false;
  const give = (chunk: Uint8Array | null): void => {
    const most = chunk?.subarray(0, MOST_GIVEN_BYTES) ?? null;
    left = chunk !== null && chunk.byteLength > MOST_GIVEN_BYTES ? chunk.subarray(MOST_GIVEN_BYTES) : null;
    readAhead += most?.byteLength ?? 0;
    if (most === null) under.truncated = records?.truncated === true && fed?.readableEnded === false;
    else records?.push(most);
    stream.push(most);
  };
  const pull = (): void => {
    if (left === null) channel.read().then(give, (error) => stream.destroy(error));
    else give(left);
  };
  const stream = new NodeDuplex({
    allowHalfOpen: true,
    // What TLS still holds must be read before this is gone: Node ends TLS with it. Bun's TLS never ends otherwise (seen on 1.4.5).
    autoDestroy: "Bun" in globalThis,
    read(): void {
      // The TLS sockets of Deno and Bun go on asking for more while they are paused, and keep it where none can see it.
      if (fed === null || !fed.isPaused()) readAhead = 0;
      if (readAhead >= MOST_GIVEN_BYTES) waiting = true;
      else pull();
    },
    write(chunk, _encoding, done): void {
      channel.write(chunk).then(() => done(), done);
    },
    final(done): void {
      const over = (): void => done(); // behind a peer that is gone there is nothing to end
      channel.closeWrite().then(over, over);
    },
    destroy(error, done): void {
      if (error === null) channel.close().catch(ignore);
      else channel.abort(error);
      done(error);
    },
  });
  stream.on("error", ignore);
  const feeds = (native: tls.TLSSocket): void => {
    fed = native;
    native.on("resume", () => {
      readAhead = 0;
      if (!waiting) return;
      waiting = false;
      pull();
    });
  };
  // Only once it is asked for: what was read ahead is lost then, since TLS does not read any more.
  const probe = (): void => {
    channel.watchPeer({ onPeerEnd: ignore, onPeerFailure: (error) => void stream.destroy(error as Error) });
    channel.probePeer();
  };
  const holdProgram = (holds: boolean): void => channel.holdProgram?.(holds);
  const under = {
    stream,
    truncated: false,
    info,
    get sendMark(): number {
      return stream.writableLength + (channel.sendMark ?? 0);
    },
    cut: () => channel.abort(),
    feeds,
    probe,
    holdProgram,
  };
  return under;
}

/** Deno gives out sessions, and resumes none of them (seen on 2.9.6, denoland/deno#30305). */
function resumptionOf(options: TlsOptions): TlsResumption | null {
  const session = "Deno" in globalThis ? null : sessionOf(options);
  return session === null ? null : new TlsResumption(session);
}

function clientHandshake(
  stream: NodeDuplex,
  options: TlsOptions,
  resumption: TlsResumption | null,
): Promise<tls.TLSSocket> {
  const { serverName = "", caCerts, cert, key, alpnProtocols } = options;
  return new Promise((resolve, reject) => {
    const native = tls.connect({
      ...HALF_OPEN,
      socket: stream,
      host: serverName,
      rejectUnauthorized: true,
      ...(net.isIP(serverName) === 0 ? { servername: serverName } : {}), // an address is not a name to ask for
      ...(caCerts === undefined ? {} : { ca: [...caCerts] }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
      ...(resumption === null || resumption.ticket === null ? {} : { session: resumption.ticket.session as Buffer }),
    });
    const fail = (error: unknown): void => {
      resumption?.failed();
      reject(error);
    };
    if (resumption !== null) native.on("session", (session) => resumption.given(session));
    native.on("error", fail);
    native.once("end", () => fail(endOfHandshake()));
    native.once("close", () => fail(endOfHandshake()));
    native.once("secureConnect", () => resolve(native));
  });
}

function serverHandshake(stream: NodeDuplex, options: TlsServerOptions): Promise<tls.TLSSocket> {
  const alpn = options.alpnProtocols === undefined ? {} : { ALPNProtocols: [...options.alpnProtocols] };
  if (options.requireClientCert === true) return checkedServerHandshake(stream, options, alpn);
  return new Promise((resolve, reject) => {
    const native = new tls.TLSSocket(stream, {
      isServer: true,
      secureContext: contextOf(options),
      ...alpn,
      ...HALF_OPEN,
    });
    native.on("error", reject);
    native.once("end", () => reject(endOfHandshake()));
    native.once("close", () => reject(endOfHandshake()));
    native.once("secure", () => resolve(native));
  });
}

/** A bare `TLSSocket` asks for a certificate and takes any: only `tls.Server` checks its signature. */
function checkedServerHandshake(stream: NodeDuplex, options: TlsServerOptions, alpn: object): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const server = tls.createServer({
      ...contextOptions(options),
      ...alpn,
      allowHalfOpen: true,
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.once("secureConnection", (native) => {
      native.on("error", ignore);
      resolve(native);
    });
    server.once("tlsClientError", reject);
    server.emit("connection", stream);
  });
}

function contextOf(options: TlsServerOptions): tls.SecureContext {
  let context = contexts.get(options);
  if (context === undefined) contexts.set(options, context = tls.createSecureContext(contextOptions(options)));
  return context;
}

function contextOptions({ cert, key, caCerts }: TlsServerOptions): tls.SecureContextOptions {
  return { cert, key, ...(caCerts === undefined ? {} : { ca: [...caCerts] }) };
}

function endOfHandshake(): Error {
  return new Error("the connection ended");
}
