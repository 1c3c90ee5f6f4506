/**
 * A client that switches to a protocol of its own, and hears why when the server does not want to.
 *
 * @module
 */

import { toText } from "@std/streams";
import { Client, UpgradeRejected } from "../../mod.ts";

/**
 * Says something in the protocol `echo/1` and waits for the echo.
 *
 * @param url An `http:` or `https:` URL.
 * @param text What to say.
 * @param token Goes along as a bearer token.
 * @returns What came back, or the server's refusal.
 */
export async function echo(url: string, text: string, token: string): Promise<string> {
  const client = new Client();
  try {
    const io = await client.upgrade(url, {
      protocol: "echo/1",
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    });
    await io.write(new TextEncoder().encode(text));
    await io.closeWrite();
    const back = await toText(io.readable);
    await io.close();
    return back;
  } catch (error) {
    if (!(error instanceof UpgradeRejected)) throw error;
    const { message, response }: UpgradeRejected<Response> = error;
    return response === undefined ? message : `${response.status}: ${await response.text()}`;
  } finally {
    await client.close(); // where the runtime knows it: await using client = new Client();
  }
}
