import http from "node:http";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { daemon } from "../support/daemon.ts";
import { skipUnless, which } from "../support/runtime.ts";
import { wire } from "../support/wire.ts";

const nginx = which("nginx");

test("Client and node:http: bodies, codings, trailers, 100 and upgrades", { timeout: 30_000 }, async (t) => {
  const server = http.createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = new TextDecoder().decode(new Uint8Array(chunks.flatMap((chunk) => [...chunk])));
      if (request.url === "/gzip") {
        return response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("zipped"));
      }
      if (request.url === "/moved") return response.writeHead(302, { location: "/gzip" }).end("moved");
      if (request.url === "/trailers") {
        response.writeHead(200, { trailer: "x-sum" });
        response.write("body");
        response.addTrailers({ "x-sum": "9" });
        return response.end();
      }
      response.end(`${request.method} ${request.url} ${request.headers["transfer-encoding"] ?? "-"} ${body}`);
    });
  });
  let sockets = 0;
  server.on("connection", () => sockets++);
  server.on("upgrade", (_request, socket, head) => {
    socket.on("error", () => {});
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello,");
    if (head.length > 0) socket.write(head);
    socket.on("data", (chunk: Uint8Array) => socket.write(chunk));
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new Client();
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const text = async (path: string, init = {}) => await (await client.fetch(base + path, init)).text();
  for (let i = 0; i < 3; i++) assertEquals(await text("/a"), "GET /a - ");
  assertEquals(await text("/b", { method: "POST", body: "hi" }), "POST /b - hi");
  assertEquals(await text("/c", { method: "PUT", body: new Blob(["hi"]).stream() }), "PUT /c chunked hi");
  assertEquals(await text("/d", { method: "POST", body: "hi", expectContinueTimeoutMs: 5000 }), "POST /d - hi");
  assertEquals(await text("/gzip"), "zipped");
  assertEquals(await text("/moved"), "zipped");
  const trailing = await client.fetch(`${base}/trailers`);
  assertEquals([await trailing.text(), (await trailing.trailers).get("x-sum")], ["body", "9"]);
  assertEquals(sockets, 1);
  const io = await client.upgrade(base, { protocol: "echo" });
  await io.write(wire("you"));
  let all = "";
  while (all.length < 9) all += new TextDecoder().decode((await io.read())!);
  assertEquals(all, "hello,you");
  await io.closeWrite();
  assertEquals(await io.read(), null);
  await io.close();
  await client.close();
});

test(
  "Client and nginx: keep-alive until nginx ends it, gzip, ranges, redirects, errors that close",
  { ...skipUnless(nginx !== undefined, "nginx is not installed"), timeout: 30_000 },
  async () => {
    const text = "hello, hello, hello\n".repeat(2000);
    const server = await daemon({
      command: nginx!,
      args: (folder) => ["-c", join(folder, "conf"), "-p", folder, "-e", join(folder, "error.log")],
      files: (folder, port) => ({
        "text.txt": text,
        conf: `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
          events {}
          http {
            access_log off; gzip on; gzip_types *; gzip_min_length 1; default_type text/plain;
            client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
            uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
            server {
              listen 127.0.0.1:${port}; root ${folder}; keepalive_requests 5; client_max_body_size 10;
              location /moved { return 307 /text.txt; }
              location /small { return 200 ok; }
            }
          }`,
      }),
    });
    const base = `http://127.0.0.1:${server.port}`;
    const client = new Client();
    try {
      for (let i = 0; i < 23; i++) assertEquals(await (await client.fetch(`${base}/small`)).text(), "ok");
      const zipped = await client.fetch(`${base}/text.txt`);
      assertEquals(zipped.head.fields.get("content-encoding"), "gzip");
      assertEquals(await zipped.text(), text);
      assertEquals(await (await client.fetch(`${base}/moved`)).text(), text);
      const range = await client.fetch(`${base}/text.txt`, { headers: { range: "bytes=7-11" } });
      assertEquals([range.status, await range.text()], [206, "hello"]);
      const head = await client.fetch(`${base}/text.txt`, { method: "HEAD" });
      assertEquals([head.status, head.body], [200, null]);
      const tooLarge = await client.fetch(`${base}/small`, { method: "POST", body: new Uint8Array(3_000_000) });
      assertEquals(tooLarge.status, 413);
      await tooLarge.text();
      const many = await Promise.all(Array.from({ length: 40 }, () => client.fetch(`${base}/text.txt`)));
      for (const response of many) assertEquals(await response.text(), text);
    } finally {
      await client.abort();
      await server[Symbol.asyncDispose]();
    }
    assertEquals(client.connections, 0);
  },
);
