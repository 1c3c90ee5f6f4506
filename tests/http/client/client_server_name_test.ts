import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { ClientHelloReader, type Hello } from "../../../src/proxy/forward/client_hello.ts";
import { dialing, rejection } from "../../support/dialing.ts";
import { unlessNoTlsOverStreams } from "../../support/runtime.ts";

const asked: readonly (readonly [url: string, serverName: string | null])[] = [
  ["https://name.test/", "name.test"],
  ["https://name.test./", "name.test"],
  ["https://127.0.0.1./", null],
];

for (const [url, serverName] of asked) {
  test(
    `fetch() of ${url} asks TLS for ${serverName}: without the dot of the root (RFC 6066 §3)`,
    unlessNoTlsOverStreams,
    async () => {
      const { client, connection } = dialing();
      const fetching = rejection(client.fetch(url));
      const { far } = await connection(0);
      const reader = new ClientHelloReader();
      let hello: Hello | null = null;
      while (hello === null) hello = reader.push((await far.read())!);
      assertEquals(hello.type === "hello" ? hello.serverName : "none", serverName);
      far.abort();
      await fetching;
      await client.abort();
    },
  );
}
