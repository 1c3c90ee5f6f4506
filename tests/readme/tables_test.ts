import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS, HYPER_LENIENCY, type Leniency } from "../../src/http1/machine/limits.ts";
import { clientSettings, serverSettings } from "../../src/http1/options.ts";
import { webSocketSettings } from "../../src/websocket/options.ts";
import type { Surface } from "../../scripts/surface.ts";
import { leastVersions } from "../../scripts/testing/least_versions.ts";
import { projectFile } from "../support/runtime.ts";
import { codesIn, readme, rowsOf, sectionOf, snippets } from "./readme.ts";

function read(path: string): string {
  return readFileSync(projectFile(path), "utf8");
}

/** The members of a union of strings, and of the unions of its module that it includes. */
function unionIn(path: string, name: string): string[] {
  const [, members] = new RegExp(`^export type ${name} =([^;]+);`, "m").exec(read(path)) ?? [];
  assert(members !== undefined, `${path} has no ${name}`);
  return [...members.matchAll(/"([^"]+)"/g)].map(([, code]) => code!);
}

const unions: Readonly<Record<string, readonly string[]>> = {
  ProtocolError: unionIn("src/errors/protocol_error.ts", "ProtocolErrorCode"),
  StateError: unionIn("src/errors/state_error.ts", "StateErrorCode"),
  TransportError: unionIn("src/errors/transport_error.ts", "TransportErrorCode"),
  UpgradeRejected: [
    ...unionIn("src/errors/upgrade_rejected.ts", "NoProposal"),
    ...unionIn("src/errors/upgrade_rejected.ts", "UpgradeRejection"),
  ],
  WebSocketProtocolError: unionIn("src/errors/web_socket_protocol_error.ts", "WebSocketErrorCode"),
};

for (const [name, codes] of Object.entries(unions)) {
  test(`README: the codes of ${name} are those of the sources`, () => {
    const listed = rowsOf(sectionOf(`### \`${name}\``)).flatMap(([codes]) => codesIn(codes!));
    assert(codes.length > 5);
    assertEquals(listed.toSorted(), codes.toSorted());
  });
}

test("README: every error class that is exported has a section", () => {
  const surface = JSON.parse(read("tests/surface.json")) as Record<string, Surface>;
  const classes = Object.values(surface).flatMap(({ values }) => values);
  const errors = new Set(classes.filter((name) => /(?:Error|Rejected)$/.test(name)));
  const sections = [...sectionOf("## Errors").matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name!);
  assertEquals(sections.toSorted(), [...errors].toSorted());
});

/** What our columns may say besides the names of the API: JavaScript, the platform, and what examples call things. */
const words = new Set(
  ("await const for new null of reason signal " +
    "Request Response RangeError TypeError Set Uint8Array " +
    "buf code duplex guard handler head headers host info init io message offered onOpen options parts server socket uri url")
    .split(" "),
);

/** Names that the sources export, declare as members, or take as options. */
function namesOfSources(): Set<string> {
  const surface = JSON.parse(read("tests/surface.json")) as Record<string, Surface>;
  const names = new Set(Object.values(surface).flatMap(({ values, types }) => [...values, ...types]));
  const member = /^ +(?:(?:readonly|static|async|override|get|set) )*(\w+)\??[(<:]/gm;
  for (const path of readdirSync(projectFile("src"), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    for (const [, name] of readFileSync(join(projectFile("src"), path), "utf8").matchAll(member)) names.add(name!);
  }
  return names;
}

test("README: what the tables call ours is there", () => {
  const known = namesOfSources();
  const headings = [...readme.matchAll(/^## Coming from .+$/gm)].map(([heading]) => heading);
  assertEquals(headings.length, 4);
  const ours = headings.flatMap((heading) => rowsOf(sectionOf(heading)).map((cells) => cells[1]!));
  ours.push(...rowsOf(sectionOf("## Security defaults")).map((cells) => cells[2]!));
  const codes = Object.values(unions).flat();
  const names = ours.flatMap(codesIn)
    .filter((code) => !codes.includes(code) && !code.includes("/"))
    .flatMap((code) => code.replaceAll(/"[^"]*"/g, "").match(/[A-Za-z_]\w*/g) ?? []);
  assert(names.length > 100);
  assertEquals([...new Set(names)].filter((name) => !known.has(name) && !words.has(name)), []);
});

/** `64 KiB` as 65536, `30 s` as 30000; `100` as it is. */
function numbersIn(text: string): number[] {
  const factors: Record<string, number> = { KiB: 1024, MiB: 1 << 20, s: 1000 };
  return [...text.matchAll(/(\d+)(?: (KiB|MiB|s)\b)?/g)].map(([, digits, unit]) =>
    Number(digits) * (factors[unit ?? ""] ?? 1)
  );
}

test("README: the security defaults are those of the sources", () => {
  const said = new Map(rowsOf(sectionOf("## Security defaults")).map(([, value, names]) => [names!, value!]));
  const valuesOf = (...names: string[]): number[] => {
    const key = [...said.keys()].find((key) => names.every((name) => codesIn(key).includes(name)));
    assert(key !== undefined, `no row of ${names}`);
    return numbersIn(said.get(key)!);
  };
  const limits = DEFAULT_LIMITS;
  const server = serverSettings(undefined);
  const client = clientSettings({});
  const webSocket = webSocketSettings({});
  assertEquals(valuesOf("maxHeadBytes"), [
    limits.maxHeadBytes,
    limits.maxFields,
    limits.maxTargetBytes,
    limits.maxMethodBytes,
  ]);
  assertEquals(valuesOf("maxTrailerBytes"), [
    limits.maxChunkExtensionBytes,
    limits.maxTrailerBytes,
    limits.maxTrailers,
  ]);
  assertEquals(valuesOf("maxInformational"), [limits.maxLeadingEmptyLines, limits.maxInformational]);
  assertEquals(valuesOf("maxDrainBytes"), [server.maxDrainBytes, server.drainTimeoutMs]);
  assertEquals(client.maxDrainBytes, server.maxDrainBytes);
  assertEquals(valuesOf("headTimeoutMs").slice(0, 2), [server.headTimeoutMs, server.idleTimeoutMs]);
  assertEquals(valuesOf("bodyTimeoutMs"), [server.bodyTimeoutMs, server.writeTimeoutMs]);
  assertEquals([server.requestTimeoutMs, ...valuesOf("upgradeTimeoutMs")], [0, server.upgradeTimeoutMs, 503]);
  assertEquals(valuesOf("unclaimedUpgradeTimeoutMs"), [server.unclaimedUpgradeTimeoutMs, server.closeTimeoutMs]);
  assertEquals(valuesOf("halfCloseTimeoutMs"), [server.halfCloseTimeoutMs]);
  assertEquals(valuesOf("maxLingerBytes"), [server.maxLingerBytes, server.lingerTimeoutMs]);
  assertEquals(valuesOf("maxMessageBytes"), [webSocket.maxMessageBytes, 1009]);
  assertEquals(valuesOf("pingIntervalMs"), [webSocket.closeTimeoutMs]);
  assertEquals([webSocket.idleTimeoutMs, webSocket.pingIntervalMs], [0, 0]);
  for (const name of Object.keys(limits)) assert(readme.includes(`\`${name}\``), `no word of ${name}`);
  const times = [...Object.keys(server), ...Object.keys(webSocket)].filter((name) =>
    /TimeoutMs$|IntervalMs$/.test(name)
  );
  for (const name of times) assert([...said.keys()].some((key) => codesIn(key).includes(name)), `no word of ${name}`);
});

test("README: the leniencies are those of the sources, and so is what hyper accepts", () => {
  const [, members] = /^export interface Leniency \{([\s\S]*?)^\}/m.exec(read("src/http1/machine/limits.ts"))!;
  const names = [...members!.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name! as keyof Leniency);
  assert(names.length > 10);
  const rows = rowsOf(sectionOf("## Security defaults")).filter(([, , hyper]) => hyper === "yes" || hyper === "no");
  assertEquals(
    rows.map(([code, , hyper]) => [code, hyper]),
    names.map((name) => [
      `\`${name}\``,
      HYPER_LENIENCY[name] === true ? "yes" : "no",
    ]),
  );
});

test("README: its commands, files and links are there", () => {
  const { tasks } = JSON.parse(read("deno.json")) as { readonly tasks: Readonly<Record<string, unknown>> };
  const commands = snippets.filter(({ language }) => language === "sh").map(({ code }) => code).join("");
  const called = [...commands.matchAll(/deno@2 task ([\w:]+)/g)].map(([, task]) => task!);
  assertEquals([...new Set(called)].filter((task) => !(task in tasks)), []);
  assert(called.length >= 5);
  const paths = [...readme.matchAll(/\bscripts\/[\w./]+\w/g)].map(([path]) => path);
  const links = [...readme.matchAll(/\]\(((?!https?:|#)[^)]+)\)/g)].map(([, path]) => path!);
  assert(paths.length > 3 && links.length > 3);
  assertEquals([...paths, ...links].filter((path) => !existsSync(projectFile(path))), []);
});

test("README: the least versions are those that the smoke suite is played on, TypeScript that of the type tests", () => {
  const rows = rowsOf(sectionOf("## Runtimes")).slice(0, 3);
  const said = rows.map(([name, version]) => [name!.toLowerCase(), `${version}.0.0`.split(".").slice(0, 3).join(".")]);
  assertEquals(Object.fromEntries(said), { ...leastVersions });
  assert(read("scripts/testing/artefact.ts").includes("typescript@5.2"));
  assert(sectionOf("## Runtimes").includes("TypeScript from 5.2"));
});
