/**
 * Who keeps to the rules of Upgrade and CONNECT: plays raw bytes to every server and client that is here, and prints
 * what it has seen as tables, HTTP/1.1 and HTTP/2 apart.
 *
 * ```sh
 * deno task conformance [--only=part of a title or subject]
 * ```
 *
 * ✓ means right, ✗ wrong, – that there is no way to do it, ? that nothing could be shown (stderr says why). Nothing is
 * known beforehand: every cell comes from bytes that were exchanged over loopback.
 *
 * @module
 */

import undici from "undici/package.json" with { type: "json" };
import { bundle } from "../testing/bundle.ts";
import { killChildrenOnInterrupt } from "../testing/process.ts";
import { projectRoot } from "../testing/project.ts";
import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { clientProbes } from "./client_probes/mod.ts";
import { clients, columnTitle, http2Clients, http2Servers, type Implementation, servers } from "./implementations.ts";
import { http2ClientProbes } from "./http2/client_probes/mod.ts";
import { http2ServerProbes } from "./http2/server_probes/mod.ts";
import { measureClient, measureServer, type Place, type Verdicts } from "./measure.ts";
import { serverProbes } from "./server_probes/mod.ts";
import { type Column, table } from "./table.ts";
import { merge } from "./verdict.ts";

const entry = "scripts/conformance/subjects/main.ts";
const directory = `.cache/conformance-${Deno.pid}`;
const only = readOnly(Deno.args);
const removeDirectory = () => Deno.removeSync(new URL(directory, projectRoot), { recursive: true });

await Deno.mkdir(new URL(directory, projectRoot), { recursive: true });
killChildrenOnInterrupt(removeDirectory);
try {
  const places = await preparePlaces();
  const titles = [...[...places.values()].map(({ runtime }) => runtime.title), `undici ${undici.version}`].join(", ");
  console.log(`Measured on ${new Date().toISOString().slice(0, 10)}, ${Deno.build.os}: ${titles}.\n`);
  const [ofServers, ofClients, ofHttp2Servers, ofHttp2Clients] = await Promise.all([
    columns(servers, places, (place, subject) => measureServer(place, subject, serverProbes)),
    columns(clients, places, (place, subject) => measureClient(place, subject, clientProbes)),
    columns(http2Servers, places, (place, subject) => measureServer(place, subject, http2ServerProbes)),
    columns(http2Clients, places, (place, subject) => measureClient(place, subject, http2ClientProbes)),
  ]);
  const tables = [
    table("servers", serverProbes, ofServers),
    table("clients", clientProbes, ofClients),
    table("servers of HTTP/2", http2ServerProbes, ofHttp2Servers),
    table("clients of HTTP/2", http2ClientProbes, ofHttp2Clients),
  ];
  console.log(tables.filter((text) => text !== "").join("\n\n"));
} finally {
  removeDirectory();
}

function readOnly([argument = "--only=", ...others]: readonly string[]): string {
  const wanted = /^--only=(.*)$/.exec(argument)?.[1];
  if (wanted === undefined || others.length > 0) throw new TypeError(`Cannot understand ${Deno.args.join(" ")}`);
  return wanted;
}

/** Runtimes that can be had, with the subjects in a form that they can run: Node 20 knows no TypeScript. */
async function preparePlaces(): Promise<Map<RuntimeName, Place>> {
  const bundled = (await bundle([entry], directory, [])).get(entry)!;
  if ("error" in bundled) throw new Error(`Cannot bundle ${entry}\n${bundled.error}`);
  const places = new Map<RuntimeName, Place>();
  for (const name of ["deno", "bun", "node", "node20"] as const) {
    const runtime: Runtime | void = await prepare(name).catch((error) => console.error(`No ${name}: ${error.message}`));
    if (runtime !== undefined) places.set(name, { runtime, entry: name === "deno" ? entry : bundled.entry });
  }
  return places;
}

function columns(
  implementations: readonly Implementation[],
  places: ReadonlyMap<RuntimeName, Place>,
  measure: (place: Place, subject: string) => Promise<Verdicts>,
): Promise<Column[]> {
  const chosen = implementations.filter(({ title, subject, runtimes }) =>
    (title.includes(only) || subject.includes(only)) && runtimes.some((name) => places.has(name))
  );
  return Promise.all(chosen.map(async (implementation) => {
    const { subject, runtimes } = implementation;
    const here = runtimes.flatMap((name) => places.get(name) ?? []);
    const measured = await Promise.all(here.map((place) => measure(place, subject)));
    const verdicts = measured[0]!.map((_, index) =>
      merge(new Map(here.map(({ runtime }, at) => [runtime.title, measured[at]![index]!])))
    );
    return { title: columnTitle(implementation, here[0]!.runtime), verdicts };
  }));
}
