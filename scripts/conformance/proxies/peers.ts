/**
 * The reverse proxies that ours is compared with: those of npm, in folders of their own, and those of the system.
 *
 * @module
 */

/** What npm is asked for, and what is imported of it. */
export const proxyPeers: Readonly<
  Record<string, { readonly specifiers: readonly string[]; readonly program: string }>
> = {
  "http-proxy-3": { specifiers: ["http-proxy-3@2"], program: "node_modules/http-proxy-3/dist/lib/index.js" },
  "httpxy": { specifiers: ["httpxy@0.5"], program: "node_modules/httpxy/dist/index.mjs" },
  "@fastify/http-proxy": {
    specifiers: ["@fastify/http-proxy@11", "fastify@5"],
    program: "node_modules/@fastify/http-proxy/index.js",
  },
};

/** From the project's root. */
export function proxyFolder(name: string): string {
  return `.cache/proxies/${name.replace("/", "-")}`;
}

/** What to `import()`, from the project's root, in which subjects run. */
export function proxyUrl(name: string, file: string = proxyPeers[name]!.program): string {
  const root = `file://${(globalThis as unknown as { process: { cwd(): string } }).process.cwd()}/`;
  return new URL(`${proxyFolder(name)}/${file}`, root).href;
}

/** nginx with one worker, as its manual shows a proxy that passes WebSockets. */
export function nginxConfig(port: number, to: number, folder: string): string {
  return `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream backend { server 127.0.0.1:${to}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_request_buffering off; proxy_buffering off;
    }
  }
}
`;
}

/** haproxy with one thread. */
export function haproxyConfig(port: number, to: number): string {
  return `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  http-reuse safe
  server s 127.0.0.1:${to}
`;
}
