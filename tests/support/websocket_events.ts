/**
 * What a client with the `WebSocket` of browsers goes through with a server of websocket_talk.ts. The function is complete
 * in itself, so that its source can be sent to a browser.
 *
 * @module
 */

/** The constructor of a platform, a package or a browser. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocket;

/**
 * Goes through the protocol.
 *
 * @param Socket The constructor.
 * @param url Of the server.
 * @param extensions What `extensions` must begin with, an empty text for none; `null` where the client does not tell.
 * @param refusalCloses Whether a refused handshake fires `close` as well as `error`.
 * @returns What was seen, line by line; `expectedEvents()` tells what it should be.
 */
export async function playEvents(
  Socket: WebSocketConstructor,
  url: string,
  extensions: string | null,
  refusalCloses = true,
): Promise<string[]> {
  const lines: string[] = [];

  interface Opened {
    readonly socket: WebSocket;
    readonly failed: boolean;
    readonly closed: Promise<string>;
    next(): Promise<unknown>;
  }

  async function open(path = "/"): Promise<Opened> {
    const socket = new Socket(url + path, ["soap", "chat"]);
    socket.binaryType = "arraybuffer";
    const messages: unknown[] = [];
    const waiting: ((message: unknown) => void)[] = [];
    socket.onmessage = ({ data }) => {
      const waiter = waiting.shift();
      if (waiter === undefined) messages.push(data);
      else waiter(data);
    };
    const closed = new Promise<string>((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => {
        // Without a Close frame Deno says 0, all others 1006.
        const text = wasClean ? `${code} ${JSON.stringify(reason)}` : "not clean";
        for (const waiter of waiting) waiter(`closed ${text}`);
        resolve(text);
      };
    });
    const failed = await new Promise<boolean>((resolve) => {
      socket.onopen = () => resolve(false);
      socket.onerror = () => resolve(true);
    });
    const next = (): Promise<unknown> =>
      messages.length > 0
        ? Promise.resolve(messages.shift())
        : new Promise<unknown>((resolve) => waiting.push(resolve));
    return { socket, failed, closed, next };
  }

  function same(left: unknown, right: string | Uint8Array): boolean {
    if (typeof right === "string" || !(left instanceof ArrayBuffer)) return left === right;
    const bytes = new Uint8Array(left);
    let at = 0;
    while (at < bytes.length && bytes[at] === right[at]) at++;
    return at === right.length && at === bytes.length;
  }

  function noise(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(size);
    let state = size;
    for (let i = 0; i < size; i++) bytes[i] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
    return bytes;
  }

  const first = await open();
  lines.push(`protocol ${first.socket.protocol}`);
  const agreed = first.socket.extensions;
  const asExpected = extensions === null || (extensions === "" ? agreed === "" : agreed.startsWith(extensions));
  lines.push(asExpected ? "extensions as expected" : `extensions ${agreed}`);
  const sizes = [0, 1, 125, 126, 127, 65535, 65536, 300000];
  // What takes the longest is sent where it costs no compressing.
  for (const size of agreed === "" ? [...sizes, 1048576] : sizes) {
    for (const message of ["aé€💬 déflate ".repeat(size / 13), new Uint8Array(size), noise(size)]) {
      first.socket.send(message);
      if (!same(await first.next(), message)) lines.push(`${size}: another message came back`);
    }
  }
  lines.push("messages");
  for (let i = 0; i < 200; i++) first.socket.send(`${i} ${"x".repeat(i * 10)}`);
  for (let i = 0; i < 200; i++) {
    if (!String(await first.next()).startsWith(`${i} `)) lines.push(`${i} is out of order`);
  }
  lines.push("burst");
  for (const command of ["!ping", "!parts"]) {
    first.socket.send(command);
    lines.push(`${command} ${await first.next()}`);
  }
  first.socket.close(3001, "bye");
  lines.push(`ours: ${await first.closed}`);
  for (const command of ["!close 4001 so bé it", "!close", "!leave"]) {
    const { socket, closed } = await open();
    socket.send(command);
    lines.push(`${command}: ${await closed}`);
  }
  const { failed, closed } = await open("/secret");
  lines.push(`/secret: ${failed && !refusalCloses ? "not clean" : await closed}`);
  return lines;
}

/** What {@linkcode playEvents} gives where all is well. */
export const expectedEvents: readonly string[] = [
  "protocol chat",
  "extensions as expected",
  "messages",
  "burst",
  "!ping ponged",
  "!parts one, two, thré€ 💬",
  'ours: 3001 ""',
  '!close 4001 so bé it: 4001 "so bé it"',
  '!close: 1005 ""',
  "!leave: not clean",
  "/secret: not clean",
];
