/**
 * What servers of the soak do behind a switch, over either version.
 *
 * @module
 */

import { connectResponse, type Handler, type Upgraded } from "../../src/http1/mod.ts";
import { connect } from "../../src/net/mod.ts";
import { tunnel } from "../../src/proxy/mod.ts";

/** Sends back what comes. */
export async function echo(io: Upgraded): Promise<void> {
  try {
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
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
