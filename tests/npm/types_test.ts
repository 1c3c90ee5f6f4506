import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { assert } from "@std/assert";
import type { Finished } from "../support/runtime.ts";
import { artefact, assertSaid, consumerSource, documentExamples, specifiers, tool } from "./artefact.ts";

writeFileSync(`${artefact.project}/consumer.mts`, consumerSource());
writeFileSync(`${artefact.project}/consumer.cts`, consumerSource());
writeFileSync(
  `${artefact.project}/all.mts`,
  specifiers.map((specifier, index) => `export * as entry${index} from ${JSON.stringify(specifier)};\n`).join(""),
);
const examples = documentExamples().map((code, index) => {
  const name = `example_${index}.mts`;
  writeFileSync(`${artefact.project}/${name}`, code);
  return { name, ofNode: / from "node:/.test(code) };
});

/** Streams of the platform's own types, where a transport is asked for; chunks that are no bytes are refused. */
writeFileSync(
  `${artefact.project}/web_streams.mts`,
  `import { handshake, WebSocket } from "http-upgrade";
const there = new TransformStream<Uint8Array, Uint8Array>();
handshake({ readable: there.readable, writable: there.writable });
// @ts-expect-error these chunks are text
handshake({ readable: new ReadableStream<string>(), writable: there.writable });
// @ts-expect-error and so are these
handshake({ readable: there.readable, writable: new WritableStream<string>() });
// @ts-expect-error half of a pair
handshake({ readable: there.readable });
const standard: typeof globalThis.WebSocket = WebSocket;
const socket: globalThis.WebSocket = new WebSocket("ws://localhost/");
new WebSocket("ws://localhost/").onerror = ({ message }) => console.log(message, standard, socket);
`,
);
writeFileSync(
  `${artefact.project}/node_streams.mts`,
  `import net from "node:net";
import { Duplex } from "node:stream";
import { ReadableStream, TransformStream } from "node:stream/web";
import { Client, handshake, serveConnection } from "http-upgrade";
import { startTls } from "http-upgrade/net";
import { tunnel } from "http-upgrade/proxy";
const socket = Duplex.toWeb(net.connect(1));
handshake(socket);
serveConnection(socket, () => ({ status: 200 }));
startTls(socket, { serverName: "localhost" });
tunnel(socket, Duplex.toWeb(net.connect(2)));
new Client({ dial: () => Duplex.toWeb(net.connect(1)) });
const there = new TransformStream<Uint8Array, Uint8Array>();
handshake({ readable: there.readable, writable: there.writable });
// @ts-expect-error these chunks are text
handshake({ readable: new ReadableStream<string>(), writable: there.writable });
`,
);

/** Declarations of the package are checked too, as nothing is skipped. */
const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
const nodenext = ["--module", "nodenext", "--moduleResolution", "nodenext"];
const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
const web = ["--lib", "es2022,dom"];
const node = ["--lib", "es2022", "--typeRoots", `${artefact.tools}/node_modules/@types`, "--types", "node"];

const both = ["--lib", "es2022,dom", ...node.slice(2)];

const everything = ["all.mts", "consumer.mts", ...examples.filter(({ ofNode }) => !ofNode).map(({ name }) => name)];
const ofNode = examples.filter(({ ofNode }) => ofNode).map(({ name }) => name);
const documented = "in the examples of the documents too";

const cases:
  readonly (readonly [name: string, compiler: string, options: readonly string[], files: readonly string[]])[] = [
    [
      `the types hold with TypeScript and its DOM alone, nodenext, ${documented}`,
      "typescript",
      [...nodenext, ...web],
      everything,
    ],
    [
      `the types hold with TypeScript and its DOM alone, bundler, ${documented}`,
      "typescript",
      [...bundler, ...web],
      everything,
    ],
    [`the types hold with TypeScript 5.2 and its DOM alone, nodenext, ${documented}`, "typescript-5", [
      ...nodenext,
      ...web,
    ], everything],
    [`the types hold with TypeScript 5.2 and its DOM alone, bundler, ${documented}`, "typescript-5", [
      ...bundler,
      ...web,
    ], everything],
    [`the types hold with TypeScript and @types/node without the DOM, ${documented}`, "typescript", [
      ...nodenext,
      ...node,
    ], [...everything, ...ofNode]],
    ["streams and WebSockets of the platform's types fit with TypeScript and its DOM alone", "typescript", [
      ...nodenext,
      ...web,
    ], ["web_streams.mts"]],
    ["streams and WebSockets of the platform's types fit with TypeScript 5.2 and its DOM alone", "typescript-5", [
      ...nodenext,
      ...web,
    ], ["web_streams.mts"]],
    ["streams and WebSockets of the platform's types fit with @types/node without the DOM", "typescript", [
      ...nodenext,
      ...node,
    ], ["node_streams.mts"]],
    ["streams and WebSockets of the platform's types fit with the DOM and @types/node together", "typescript", [
      ...nodenext,
      ...both,
    ], ["web_streams.mts", "node_streams.mts"]],
    ["the types hold in a CommonJS module that requires the package, nodenext", "typescript", [...nodenext, ...web], [
      "consumer.cts",
    ]],
  ];

/** What is checked by the same compiler with the same options is checked in one go: what it loads takes most of the time. */
const goes = new Map<string, { readonly files: Set<string>; told?: Promise<Finished> }>();
for (const [, compiler, options, files] of cases) {
  const go = goes.get(`${compiler} ${options}`) ?? { files: new Set() };
  goes.set(`${compiler} ${options}`, go);
  for (const file of files) go.files.add(file);
}

for (const [name, compiler, options] of cases) {
  test(name, async () => {
    assert(examples.length > 10);
    const go = goes.get(`${compiler} ${options}`)!;
    go.told ??= tool(`${compiler}/bin/tsc`, [...strict, ...options, ...go.files]);
    assertSaid(await go.told, "");
  });
}
