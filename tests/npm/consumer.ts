/**
 * What a user of the package might write: an upgrade, and another one through a CONNECT tunnel. It is JavaScript as it
 * stands, and becomes an ES module, a CommonJS module and a TypeScript module in a project that has the package.
 *
 * @module
 */

import { Client, connectResponse, serve, upgradeResponse } from "@http-upgrade/http-upgrade";
import { handshake, onUpgrade } from "@http-upgrade/http-upgrade/http1";
import { connect } from "@http-upgrade/http-upgrade/net";
import { tunnel } from "@http-upgrade/http-upgrade/proxy";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function main() {
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    async connect(request) {
      const target = connect(request, { signal: request.signal });
      await target.opened;
      return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
    },
  }, (request) => {
    const { response, upgraded } = upgradeResponse(request, "echo");
    upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
    return response;
  });
  const [address] = await server.listening;
  if (!("port" in address)) throw new TypeError("This is no TCP listener");
  const authority = `127.0.0.1:${address.port}`;

  const client = new Client();
  const direct = await client.upgrade(`http://${authority}/`, { protocol: "echo" });
  await direct.write(encoder.encode("hello"));
  console.log("upgrade:", direct.protocol, decoder.decode(await direct.read() ?? undefined));
  await direct.close();
  await client.close();

  const proxied = new Client({ proxy: `http://${authority}` });
  const { sender } = handshake(await proxied.connect(authority));
  const response = await sender.send({
    method: "GET",
    target: "/",
    fields: [["Host", authority], ["Connection", "upgrade"], ["Upgrade", "echo"]],
  });
  const inside = await onUpgrade(response);
  await inside.write(encoder.encode("hello"));
  console.log("CONNECT:", response.status, decoder.decode(await inside.read() ?? undefined));
  await inside.close();
  await proxied.close();
  await server.shutdown();
}

main();
