/**
 * A Cloudflare Worker with a `Client`, whose `dial` connects by `cloudflare:sockets`: redirects, decoded bodies and retries, over
 * any way to the server. From the compatibility date 2025-05-05 on.
 *
 * `POST /?url=…` sends the body on to an `http:` URL twice, and both answers back.
 *
 * @module
 */

import { connect } from "cloudflare:sockets";
import { Client } from "@http-upgrade/http-upgrade";

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url).searchParams.get("url") ?? "";
    // A Worker's sockets belong to the request in which they were opened, and so does what holds them.
    const client = new Client({
      dial: (to) => connect(`${to.hostname}:${to.port}`, { allowHalfOpen: true }),
    });
    try {
      const body = await request.text();
      const texts: string[] = [];
      for (const _time of ["first", "second"]) {
        const response = await client.fetch(url, { method: "POST", body });
        texts.push(`${response.status} ${await response.text()}`);
      }
      return new Response(texts.join("\n"));
    } catch (error) {
      return new Response(`${error}\n`, { status: 502 });
    } finally {
      await client.close();
    }
  },
};
