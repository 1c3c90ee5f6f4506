/**
 * What comes before the bytes that are measured: nothing, an upgrade, or a CONNECT.
 *
 * @module
 */

const encoder = new TextEncoder();

/** How a connection gets to where it echoes; for `connect` with the port to be connected to. */
export type Preface = { readonly type: "none" } | { readonly type: "upgrade" } | {
  readonly type: "connect";
  readonly port: number;
};

/** The request to send, or `null`. */
export function prefaceRequest(preface: Preface): Uint8Array | null {
  switch (preface.type) {
    case "none":
      return null;
    case "upgrade":
      return encoder.encode(
        "GET /echo HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
      );
    case "connect":
      return encoder.encode(`CONNECT 127.0.0.1:${preface.port} HTTP/1.1\r\nHost: 127.0.0.1:${preface.port}\r\n\r\n`);
    default:
      return preface satisfies never;
  }
}

/** Whether this is the whole head of an answer that lets the connection go on. */
export function isAgreement(bytes: Uint8Array): boolean {
  const end = bytes.length;
  const ends = bytes[end - 4] === 13 && bytes[end - 3] === 10 && bytes[end - 2] === 13 && bytes[end - 1] === 10;
  // HTTP/1.1 101, or HTTP/1.1 200.
  const agrees = bytes[11] === 0x31 ? bytes[9] === 0x31 : bytes[9] === 0x32;
  if (ends && agrees) return true;
  throw new Error(`Cannot go on after this answer: ${JSON.stringify(new TextDecoder().decode(bytes))}`);
}
