/** Debian's apt through `forwardProxy()` with rules. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { authority } from "../support/certificates.ts";
import { scratch } from "../support/curl.ts";
import { decisions, programScene } from "../support/program_scene.ts";
import { type Finished, skipUnless, spawn, which } from "../support/runtime.ts";

const withApt = {
  ...skipUnless(which("apt-get") !== undefined && which("dpkg-deb") !== undefined, "apt is not installed"),
  timeout: 120_000,
};

/** A repository of small packages, in the flat form. */
function repository(folder: ReturnType<typeof scratch>, names: readonly string[]): string {
  const root = folder.file("repository");
  mkdirSync(root);
  const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const entries = names.map((name) => {
    const control = `Package: ${name}\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@a.test>\nDescription: small\n`;
    mkdirSync(folder.file(`${name}/DEBIAN`), { recursive: true });
    folder.file(`${name}/DEBIAN/control`, control);
    folder.file(`${name}/data`, name.repeat(10_000));
    const file = join(root, `${name}_1.0_all.deb`);
    execFileSync("dpkg-deb", ["--build", "-Znone", folder.file(name), file], { stdio: "ignore" });
    const bytes = readFileSync(file);
    return `${control}Filename: ./${name}_1.0_all.deb\nSize: ${bytes.length}\nSHA256: ${digest(bytes)}\n`;
  });
  const packages = entries.join("\n");
  writeFileSync(join(root, "Packages"), packages);
  const sum = ` ${digest(new TextEncoder().encode(packages))} ${packages.length} Packages\n`;
  writeFileSync(join(root, "Release"), `Date: ${new Date().toUTCString()}\nSHA256:\n${sum}`);
  return root;
}

test(
  "apt through forwardProxy(): update and downloads, many requests in a row, with TLS and without",
  withApt,
  async (t) => {
    const folder = scratch();
    t.after(() => folder.remove());
    const names = Array.from({ length: 8 }, (_, i) => `tiny${i}`);
    const root = repository(folder, names);
    const { host, secureHost, deniedHost, proxy, events } = await programScene(t, (request) => {
      try {
        return new Response(readFileSync(join(root, new URL(request.url).pathname)));
      } catch {
        return new Response(null, { status: 404 });
      }
    });
    const apt = async (url: string, ...command: string[]): Promise<Finished> => {
      const state = folder.file(createHash("sha256").update(url).digest("hex"));
      for (const name of ["etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial"]) {
        mkdirSync(join(state, name), { recursive: true });
      }
      writeFileSync(join(state, "etc/sources.list"), `deb [trusted=yes] ${url} ./\n`);
      writeFileSync(join(state, "status"), "");
      const settings = {
        "Dir::Etc": `${state}/etc`,
        "Dir::State": state,
        "Dir::State::status": `${state}/status`,
        "Dir::Cache": `${state}/cache`,
        "Acquire::http::Proxy": proxy,
        "Acquire::https::Proxy": proxy,
        "Acquire::https::CAInfo": folder.file("ca.pem", authority),
        "Acquire::Retries": "0",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
      };
      const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
      const env = { APT_CONFIG: folder.file("apt.conf", lines.join("")), LC_ALL: "C" };
      return await spawn("apt-get", ["-q", ...command], { cwd: state, env });
    };
    for (const url of [`http://${host}/`, `https://${secureHost}/`]) {
      const updated = await apt(url, "update");
      assertEquals([updated.code, updated.stderr], [0, ""], updated.stdout);
      const loaded = await apt(url, "download", ...names);
      assertEquals([loaded.code, loaded.stderr], [0, ""], loaded.stdout);
    }
    const denied = await apt(`http://${deniedHost}/`, "update");
    assertEquals([denied.code, /403 +Forbidden/.test(denied.stderr)], [100, true], denied.stderr);
    assertEquals(decisions(events), ["allowed allowed.test", "allowed name.test", "denied denied.test"]);
  },
);
