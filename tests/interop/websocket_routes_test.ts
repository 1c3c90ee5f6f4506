/**
 * WebSockets by every way there is: TLS, unix sockets, nginx in front, and forward proxies.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startProxy } from "../support/forward.ts";
import { connect } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { type Daemon, daemon, freePort } from "../support/daemon.ts";
import { listening } from "../support/http_server.ts";
import { proxies } from "../support/proxies.ts";
import { skipUnless, which } from "../support/runtime.ts";
import { expectTalk, talking } from "../support/websocket_talk.ts";

const timeout = { timeout: 30_000 };
const deflate = { thresholdBytes: 0 };
const talker = { deflate: true };
const cert = { cert: serverCert, key: serverKey };
const tls = { caCerts: [authority] };

test("WebSocketStream and upgradeWebSocket() over TCP: the whole talk", timeout, async () => {
  const { server, port } = await listening(talking({ deflate }));
  await expectTalk(`ws://127.0.0.1:${port}`, { deflate }, talker);
  await expectTalk(`ws://127.0.0.1:${port}`, { deflate: false }, { deflate: false });
  await server.shutdown();
});

test("WebSocketStream and upgradeWebSocket() over TLS: the whole talk", timeout, async () => {
  const { server, port } = await listening(talking({ deflate }), { tls: cert });
  await expectTalk(`wss://localhost:${port}`, { deflate, tls }, talker);
  await server.shutdown();
});

test("WebSocketStream and upgradeWebSocket() over a unix socket: the whole talk", timeout, async () => {
  const folder = await mkdtemp(join(tmpdir(), "http-upgrade-"));
  const path = join(folder, "socket");
  const { server } = await listening(talking({ deflate }), { listen: [{ path }] });
  await expectTalk("ws://unix.test", { deflate, dial: () => connect({ path }) }, talker);
  await server.shutdown();
  await rm(folder, { recursive: true });
});

const nginx = which("nginx");

/** nginx in front of a server, in clear and with TLS, configured as its documentation says for WebSockets. */
function startNginx(port: number, securePort: number): Promise<Daemon> {
  const location = `location / {
    proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
  }`;
  return daemon({
    command: nginx!,
    args: (folder) => ["-c", join(folder, "conf"), "-p", folder, "-e", join(folder, "error.log")],
    files: (folder, frontPort) => ({
      "cert.pem": serverCert,
      "key.pem": serverKey,
      conf: `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
        events {}
        http {
          access_log off;
          client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
          uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
          map $http_upgrade $connection_upgrade { default upgrade; "" close; }
          server { listen 127.0.0.1:${frontPort}; ${location} }
          server {
            listen 127.0.0.1:${securePort} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; ${location}
          }
        }`,
    }),
  });
}

test(
  "WebSocketStream reaches upgradeWebSocket() through nginx, in clear and with TLS: the whole talk",
  { ...skipUnless(nginx !== undefined, "nginx is not installed"), ...timeout },
  async () => {
    const { server, port } = await listening(talking({ deflate }));
    const securePort = await freePort();
    const front = await startNginx(port, securePort);
    try {
      // nginx ends its side when ours is cut, and does not cut it.
      await expectTalk(`ws://127.0.0.1:${front.port}`, { deflate }, talker);
      await expectTalk(`wss://localhost:${securePort}`, { deflate, tls }, talker);
    } finally {
      await front[Symbol.asyncDispose]();
      await server.shutdown({ upgraded: "close" });
    }
  },
);

test("WebSocketStream goes through our own proxy, in clear and with TLS: the whole talk", timeout, async () => {
  const plain = await listening(talking({ deflate }));
  const secure = await listening(talking({ deflate }), { tls: cert });
  const own = await startProxy();
  const proxy = `http://127.0.0.1:${own.port}`;
  await expectTalk(`ws://127.0.0.1:${plain.port}`, { deflate, proxy }, talker);
  await expectTalk(`wss://localhost:${secure.port}`, { deflate, proxy, tls }, talker);
  await own.close();
  await plain.server.shutdown();
  await secure.server.shutdown();
});

for (const { name, found, start } of proxies) {
  test(
    `WebSocketStream goes through ${name} that asks for a password, in clear and with TLS: the whole talk`,
    { ...skipUnless(found !== undefined, `${name} is not installed`), ...timeout },
    async () => {
      const plain = await listening(talking({ deflate }));
      const secure = await listening(talking({ deflate }), { tls: cert });
      const foreign = await start(true);
      const proxy = `http://us:pw@127.0.0.1:${foreign.port}`;
      try {
        await expectTalk(`ws://127.0.0.1:${plain.port}`, { deflate, proxy }, talker);
        await expectTalk(`wss://localhost:${secure.port}`, { deflate, proxy, tls }, talker);
      } finally {
        await foreign[Symbol.asyncDispose]();
        await plain.server.shutdown({ upgraded: "close" });
        await secure.server.shutdown({ upgraded: "close" });
      }
    },
  );
}
