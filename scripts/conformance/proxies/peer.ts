/**
 * An end of a TCP connection that reads what it waits for, as text in which every character is a byte and `¶` is CR LF.
 *
 * @module
 */

import net from "node:net";

/** How long a peer may be silent before it is taken for granted that it says no more. */
const QUIET_MS = 4000;

/** How a connection ended: FIN, RST, or not yet. */
export type PeerEnd = "end" | "reset" | null;

/** One end of a connection. */
export class Peer {
  readonly #socket: net.Socket;
  #received = "";
  /** How much has come since it is only counted. */
  #counted: number | null = null;
  #ended: PeerEnd = null;
  #check: () => void = () => {};

  /** Takes a socket, which must be half-open. */
  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      if (this.#counted === null) this.#received += latin1(bytes);
      else this.#counted += bytes.length;
      this.#check();
    });
    socket.on("end", () => this.#end("end"));
    socket.on("close", () => this.#end("reset"));
    socket.on("error", () => this.#end("reset"));
  }

  #end(how: PeerEnd): void {
    this.#ended ??= how;
    this.#check();
  }

  /** The port that this leads to. */
  get remotePort(): number {
    return this.#socket.remotePort!;
  }

  /** What came and was not taken. */
  get received(): string {
    return this.#received.replaceAll("\r\n", "¶");
  }

  /** How the other end has ended, if it has. */
  get ended(): PeerEnd {
    return this.#ended;
  }

  /** Sends this. */
  send(text: string): void {
    this.#socket.write(text.replaceAll("¶", "\r\n"), "latin1");
  }

  /** Sends this in pieces, each when the one before was taken by the system. */
  async sendPieces(pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      await new Promise<void>((resolve) => this.#socket.write(piece, "latin1", () => setImmediate(resolve)));
    }
  }

  /** Sends bytes. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Takes so many bytes without looking at them. */
  async skip(bytes: number): Promise<void> {
    this.#counted = this.#received.length;
    this.#received = "";
    await this.#until(() => this.#counted! >= bytes, `waits for ${bytes} bytes`);
  }

  /** Ends our side (FIN). */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection (RST). */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Lets go of the connection. */
  close(): void {
    this.#socket.destroy();
  }

  /** Reads nothing for now. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket.resume();
  }

  /** Waits until the system takes nothing more of what was sent, or has taken all. */
  async untilStalled(): Promise<void> {
    let taken = -1;
    for (let calm = 0; calm < 100 && !this.flushed; calm++) {
      const now = this.#socket.bytesWritten - this.#socket.writableLength;
      if (now !== taken) calm = 0;
      taken = now;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Whether the system has taken all that was sent. */
  get flushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Takes all up to and with `mark`. */
  async through(mark: string): Promise<string> {
    const wire = mark.replaceAll("¶", "\r\n");
    await this.#until(() => this.#received.includes(wire), `waits for ${JSON.stringify(mark)}`);
    return this.#take(this.#received.indexOf(wire) + wire.length);
  }

  /** Takes so many bytes. */
  async take(bytes: number): Promise<string> {
    await this.#until(() => this.#received.length >= bytes, `waits for ${bytes} bytes`);
    return this.#take(bytes);
  }

  /** Takes all until the other end has ended. */
  async rest(): Promise<string> {
    await this.#until(() => this.#ended !== null, "waits for the end");
    return this.#take(this.#received.length);
  }

  /** Waits until the other end has ended, and says how. */
  async untilEnd(): Promise<PeerEnd> {
    await this.#until(() => this.#ended !== null, "waits for the end");
    return this.#ended;
  }

  /** Gives back what was taken last. */
  putBack(text: string): void {
    this.#received = text.replaceAll("¶", "\r\n") + this.#received;
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken.replaceAll("\r\n", "¶");
  }

  #until(done: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        this.#check = () => {};
        reject(new Error(`${what}: ${why} after ${JSON.stringify(this.received.slice(-300))}`));
      };
      let timer: ReturnType<typeof setTimeout> | undefined = undefined;
      this.#check = () => {
        clearTimeout(timer);
        if (done()) {
          this.#check = () => {};
          resolve();
        } else if (this.#ended !== null) fail(`the peer ended (${this.#ended})`);
        else timer = setTimeout(() => fail("nothing came"), QUIET_MS);
      };
      this.#check();
    });
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

/** Connects to a port of this machine. */
export function dialPeer(port: number): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    socket.once("connect", () => resolve(new Peer(socket)));
    socket.once("error", reject);
  });
}

/** A server that hands out each request with its connection, once its head has come. */
export interface Backend {
  readonly port: number;
  /** How many connections are open. */
  readonly open: number;
  /** The next connection, whatever comes on it. */
  nextConnection(): Promise<Peer>;
  /** The next request: an end whose next bytes are its head. */
  next(): Promise<Peer>;
  /** The connection of a request that was answered: it may bring another one. */
  again(peer: Peer): void;
  /** Cuts the connections that are open and forgets what they have brought. */
  clear(): Promise<void>;
  /** Takes no more connections and cuts those that are open. */
  close(): Promise<void>;
}

/** Listens on loopback, on a port that the system chooses. */
export async function listenPeers(): Promise<Backend> {
  const sockets = new Set<net.Socket>();
  const ready: Peer[] = [];
  const waiting: ((peer: Peer) => void)[] = [];
  const connecting: ((peer: Peer) => void)[] = [];
  const offer = (peer: Peer): void => {
    peer.through("¶¶").then((head) => {
      peer.putBack(head);
      const take = waiting.shift();
      if (take === undefined) ready.push(peer);
      else take(peer);
    }, () => {});
  };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const peer = new Peer(socket);
    const take = connecting.shift();
    if (take === undefined) offer(peer);
    else take(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    get open() {
      return sockets.size;
    },
    nextConnection: () => new Promise((resolve) => connecting.push(resolve)),
    next: () => {
      const peer = ready.shift();
      if (peer !== undefined) return Promise.resolve(peer);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(take), 1);
          reject(new Error("no request has come to the server"));
        }, QUIET_MS);
        const take = (peer: Peer): void => {
          clearTimeout(timer);
          resolve(peer);
        };
        waiting.push(take);
      });
    },
    again: offer,
    clear: async () => {
      const closed = [...sockets].map((socket) =>
        new Promise<void>((resolve) => socket.once("close", () => resolve()))
      );
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
      ready.length = 0;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
