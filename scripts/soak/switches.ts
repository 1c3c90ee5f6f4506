/**
 * What servers of the soak do behind a switch, over either version.
 *
 * @module
 */

import { connectResponse, type Handler, type Upgraded } from "../../src/http1/mod.ts";
import { connect } from "../../src/net/mod.ts";
import { tunnel } from "../../src/proxy/mod.ts";
import { expectContents, writeOnce } from "./contents.ts";

/** What a server answers to the body of an exchange: how long it is, or what is wrong with it. */
export function told(body: Uint8Array, exchange: number): string {
  const { length } = body;
  try {
    expectContents(body, exchange, length, "a body");
    return `${length}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Sends back what comes. */
export async function echo(io: Upgraded): Promise<void> {
  try {
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await writeOnce(io, chunk);
    await io.close();
  } catch (error) {
    io.abort(error);
  }
}

/** CONNECT leads where it says. */
export const forwards: Handler = async (request) => {
  const target = connect(request.target);
  await target.opened;
  const { response, upgraded } = connectResponse(request);
  upgraded.then((io) => tunnel(io, target)).catch(() => target.abort());
  return response;
};
