/**
 * The proxies that the environment names, by curl's rules. Programs call it and give the result to a client as `proxy`.
 *
 * @module
 */

import { checkObject, checkString } from "../../../bytes/arguments.ts";
import { environment } from "../../platform.ts";
import { bypasses } from "./proxy_rules.ts";

/** The variables that count. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Reads which proxies the environment names, once and now.
 *
 * `https_proxy` or `HTTPS_PROXY` for `https:` URLs and `http_proxy` for `http:`, else `all_proxy` or `ALL_PROXY`; what
 * `no_proxy` or `NO_PROXY` lists goes through none. Lower case counts first. `HTTP_PROXY` in upper case is ignored as
 * curl does: on a CGI server the client of the outside world sets it (a field `Proxy`).
 *
 * @param env The variables; those of the process when left out, for which Deno asks for `--allow-env`.
 * @throws {TypeError} A variable is no text.
 * @returns For the option `proxy` of a client.
 *
 * @example
 * ```ts
 * import { proxyFromEnv } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const proxy = proxyFromEnv({ https_proxy: "http://proxy:3128", no_proxy: "localhost,.internal" });
 * assertEquals(proxy(new URL("https://example.com/")), "http://proxy:3128");
 * assertEquals(proxy(new URL("https://db.internal/")), null);
 * assertEquals(proxy(new URL("http://example.com/")), null);
 * ```
 */
export function proxyFromEnv(env?: ProxyEnvironment): (url: URL) => string | null {
  if (env !== undefined) checkObject(env, "env");
  const read = env === undefined ? environment : (name: string) => env[name];
  const first = (...names: string[]) => {
    for (const name of names) {
      const value = read(name);
      if (value === undefined) continue;
      checkString(value, `env.${name}`);
      return value;
    }
    return "";
  };
  const all = first("all_proxy", "ALL_PROXY");
  const http = first("http_proxy") || all;
  const https = first("https_proxy", "HTTPS_PROXY") || all;
  const noProxy = first("no_proxy", "NO_PROXY");
  return (url) => {
    const proxy = url.protocol === "https:" ? https : http;
    return proxy === "" || bypasses(url, noProxy) ? null : proxy;
  };
}
