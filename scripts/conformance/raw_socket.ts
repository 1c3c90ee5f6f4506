/**
 * Both ends of plain TCP connections, as text in which every character is a byte.
 *
 * @module
 */

import net from "node:net";

/** How long a peer may be silent before it is taken for granted that it says no more. */
const quietMs = 4000;

/** A connection whose bytes are kept as they come. */
export class RawSocket {
  readonly #socket: net.Socket;
  #received = "";
  #ended = false;
  #check: () => void = () => {};

  /** Takes a socket, which must be half-open. */
  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      this.#received += text;
      this.#check();
    });
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#ended = true;
        this.#check();
      });
    }
    socket.on("error", () => {});
  }

  /** Whether the peer has ended its side, or cut the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  /** All that came so far. */
  get received(): string {
    return this.#received;
  }

  /** Sends this, in one packet if it is short. */
  send(text: string): void {
    this.#socket.write(text, "latin1");
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

  /** Waits until all that came contains this. False when the peer ends, or is silent, before. */
  async until(text: string | RegExp): Promise<boolean> {
    return await this.untilTrue(() =>
      typeof text === "string" ? this.#received.includes(text) : text.test(this.#received)
    );
  }

  /** Waits until this is true; it is asked whenever something has come. False when the peer ends, or is silent, before. */
  async untilTrue(done: () => boolean): Promise<boolean> {
    await this.#wait(done);
    return done();
  }

  /** Waits until the peer has ended its side, or cut the connection. False when it does not. */
  async untilEnd(): Promise<boolean> {
    await this.#wait(() => this.#ended);
    return this.#ended;
  }

  /** Waits for a condition; gives up when the peer ends or nothing came for a while. */
  #wait(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      let timer = setTimeout(resolve, quietMs);
      this.#check = () => {
        clearTimeout(timer);
        if (done() || this.#ended) resolve();
        else timer = setTimeout(resolve, quietMs);
      };
      if (done() || this.#ended) this.#check();
    });
  }
}

/** Connects to a port of this machine. */
export function dial(port: number): Promise<RawSocket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    socket.once("connect", () => resolve(new RawSocket(socket)));
    socket.once("error", reject);
  });
}

/** A server that hands out its connections as they are. */
export interface RawListener {
  readonly port: number;
  /** How many connections there were. */
  readonly accepted: number;
  /** Takes no more connections and cuts those that are open. */
  close(): void;
}

/** Listens on loopback, on a port that the system chooses. */
export function listen(accept: (socket: RawSocket) => void): Promise<RawListener> {
  const sockets: RawSocket[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const raw = new RawSocket(socket);
    sockets.push(raw);
    accept(raw);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as net.AddressInfo).port,
        get accepted() {
          return sockets.length;
        },
        close() {
          server.close();
          for (const socket of sockets) socket.close();
        },
      });
    });
  });
}

/** The head of a message: its lines, and the empty one behind them. */
export function head(...lines: readonly string[]): string {
  return [...lines, "", ""].join("\r\n");
}
