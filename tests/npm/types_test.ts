import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { assert } from "@std/assert";
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
  return name;
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

const cases = [
  { name: "TypeScript and its DOM alone, nodenext", compiler: "typescript", options: [...nodenext, ...web] },
  { name: "TypeScript and its DOM alone, bundler", compiler: "typescript", options: [...bundler, ...web] },
  { name: "TypeScript 5.2 and its DOM alone, nodenext", compiler: "typescript-5", options: [...nodenext, ...web] },
  { name: "TypeScript 5.2 and its DOM alone, bundler", compiler: "typescript-5", options: [...bundler, ...web] },
  { name: "TypeScript and @types/node without the DOM", compiler: "typescript", options: [...nodenext, ...node] },
];

for (const { name, compiler, options } of cases) {
  test(`the types hold with ${name}, in the examples of the documents too`, async () => {
    assert(examples.length > 10);
    const args = [...strict, ...options, "all.mts", "consumer.mts", ...examples];
    assertSaid(await tool(`${compiler}/bin/tsc`, args), "");
  });
}

const both = ["--lib", "es2022,dom", ...node.slice(2)];
const pairs = [
  { name: "TypeScript and its DOM alone", compiler: "typescript", options: web, files: ["web_streams.mts"] },
  { name: "TypeScript 5.2 and its DOM alone", compiler: "typescript-5", options: web, files: ["web_streams.mts"] },
  { name: "@types/node without the DOM", compiler: "typescript", options: node, files: ["node_streams.mts"] },
  {
    name: "the DOM and @types/node together",
    compiler: "typescript",
    options: both,
    files: ["web_streams.mts", "node_streams.mts"],
  },
];

for (const { name, compiler, options, files } of pairs) {
  test(`streams and WebSockets of the platform's types fit with ${name}`, async () => {
    assertSaid(await tool(`${compiler}/bin/tsc`, [...strict, ...nodenext, ...options, ...files]), "");
  });
}

test("the types hold in a CommonJS module that requires the package, nodenext", async () => {
  assertSaid(await tool("typescript/bin/tsc", [...strict, ...nodenext, ...web, "consumer.cts"]), "");
});
