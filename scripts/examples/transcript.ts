/**
 * A transcript for the examples: which bytes went where, and what each side does with them.
 *
 * @module
 */

import type { ByteChannel, Duplex } from "../../src/net/mod.ts";

const WIDTH = 9;

/** Prints what somebody does. */
export function tell(who: string, what: string): void {
  console.log(`${who.padEnd(WIDTH)}  ${what}`);
}

/** Prints a line between two parts of a transcript. */
export function headline(title: string): void {
  console.log(`\n── ${title} ${"─".repeat(Math.max(0, 76 - title.length))}`);
}

/** What can be overheard: a socket, a tunnel. */
export interface Line extends Duplex, ByteChannel {
  close(): Promise<void>;
}

/**
 * The same connection, with what comes from it printed. The streams are those of the connection, and silent.
 *
 * @param io The connection.
 * @param who Whose end it is.
 * @param sent Whether what is sent is printed as well.
 */
export function overheard(io: Line, who: string, sent = false): Line {
  let ended = !sent;
  const end = (): void => {
    if (!ended) tell(who, "▶ (end of stream)");
    ended = true;
  };
  return {
    get readable() {
      return io.readable;
    },
    get writable() {
      return io.writable;
    },
    async read() {
      const bytes = await io.read();
      if (bytes === null) tell(who, "◀ (end of stream)");
      else print(who, "◀", bytes);
      return bytes;
    },
    write(bytes) {
      if (sent) print(who, "▶", bytes);
      return io.write(bytes);
    },
    closeWrite() {
      end();
      return io.closeWrite();
    },
    close() {
      end();
      return io.close();
    },
    abort: (reason) => io.abort(reason),
  };
}

/** One line of text for each line of bytes, its end made visible; other bytes than ASCII as dots. */
function print(who: string, sign: string, bytes: Uint8Array): void {
  const text = String.fromCharCode(...bytes.subarray(0, 2000)).replaceAll(/[^\r\n\x20-\x7e]/g, "·");
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  lines.forEach((line, i) => {
    const visible = line.replaceAll("\r", "␍").replaceAll("\n", "␊");
    console.log(`${(i === 0 ? who : "").padEnd(WIDTH)}  ${i === 0 ? sign : " "} ${visible}`);
  });
}
