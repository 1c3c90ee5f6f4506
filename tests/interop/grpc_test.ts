/**
 * `@grpc/grpc-js` as the client of a server on `serve()`, straight and through `reverseProxy()`.
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as grpcJs from "@grpc/grpc-js";
import { assert, assertEquals } from "@std/assert";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { grpc, type Method, Status } from "../support/grpc.ts";
import { listening } from "../support/http_server.ts";
import { runtimeName, skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";

function signal() {
  let resolve!: () => void;
  const promise = new Promise<void>((fulfil) => resolve = fulfil);
  return { promise, resolve };
}

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** The methods, and what is known of those that never end. */
function service() {
  const [begun, ended] = [signal(), signal()];
  const methods: Record<string, Method> = {
    async *"/test.Test/Echo"({ messages, headers, trailers }) {
      for await (const message of messages) {
        trailers["x-sent"] = headers.get("x-sent") ?? "none";
        trailers["x-bytes-bin"] = headers.get("x-bytes-bin") ?? "";
        yield message;
      }
    },
    async *"/test.Test/Count"({ messages, trailers }) {
      for await (const message of messages) {
        for (let i = 1; i <= Number(message); i++) yield `${i}`;
        trailers["x-count"] = message;
      }
    },
    async *"/test.Test/Sum"({ messages }) {
      let sum = 0;
      for await (const message of messages) sum += Number(message);
      yield `${sum}`;
    },
    // deno-lint-ignore require-yield -- it fails before
    async *"/test.Test/Refuse"() {
      throw new Status(7, "not for yoü");
    },
    async *"/test.Test/FailLate"() {
      yield "1";
      yield "2";
      throw new Status(9, "out of order");
    },
    async *"/test.Test/Never"({ signal }) {
      begun.resolve();
      try {
        yield "begun";
        await never(signal);
      } finally {
        ended.resolve();
      }
    },
  };
  return { handler: grpc(methods), begun: begun.promise, ended: ended.promise };
}

type Answer = {
  readonly messages: string[];
  readonly code: number;
  readonly details: string;
  readonly trailers: grpcJs.Metadata;
};

/** The messages of a stream and how it ended. */
function collect(call: grpcJs.ClientReadableStream<string>): Promise<Answer> {
  const messages: string[] = [];
  call.on("data", (message: string) => messages.push(message));
  call.on("error", () => {}); // is told by the status as well
  return new Promise((resolve) => {
    call.on("status", ({ code, details, metadata }) => resolve({ messages, code, details, trailers: metadata }));
  });
}

const encode = (text: string): Buffer => Buffer.from(text);
const decode = (bytes: Buffer): string => bytes.toString();
const path = (name: string): string => `/test.Test/${name}`;

/** With node:http2 of Deno 2.9.6 the client loses a message right before trailers, which those of Node and Bun get. */
const keepsLast = skipUnless(runtimeName !== "deno", "Deno's node:http2 loses what comes right before trailers");

for (const over of ["tcp", "tls", "tcp through reverseProxy()", "tls through reverseProxy()"] as const) {
  const secure = over.startsWith("tls");
  const options = { ...(secure ? unlessTlsIsRefused : {}), timeout: 30_000 };

  /** A server, and a client with one connection to it. */
  const scene = async () => {
    const service_ = service();
    const serving = { http2: { h2c: true }, ...(secure ? { tls: { cert: serverCert, key: serverKey } } : {}) };
    const { server, port: serverPort } = await listening(service_.handler, serving);
    const to = `${secure ? "https" : "http"}://localhost:${serverPort}`;
    const proxy = over.endsWith("()")
      ? reverseProxy(to, secure ? { tls: { caCerts: [authority] } } : { http2: { h2c: true } })
      : null;
    const front = proxy === null ? null : await listening(proxy, serving);
    const port = front?.port ?? serverPort;
    const credentials = secure
      ? grpcJs.credentials.createSsl(Buffer.from(authority))
      : grpcJs.credentials.createInsecure();
    const client = new grpcJs.Client(`localhost:${port}`, credentials, {
      "grpc.max_receive_message_length": -1,
      "grpc.enable_http_proxy": 0,
    });
    const unary = (name: string, message: string, metadata = new grpcJs.Metadata(), more: grpcJs.CallOptions = {}) =>
      new Promise<
        {
          error: grpcJs.ServiceError | null;
          answer: string | undefined;
          trailers: grpcJs.Metadata;
          initial: grpcJs.Metadata;
        }
      >(
        (resolve) => {
          let [error, answer]: [grpcJs.ServiceError | null, string | undefined] = [null, undefined];
          let initial = new grpcJs.Metadata();
          const call = client.makeUnaryRequest<string, string>(
            path(name),
            encode,
            decode,
            message,
            metadata,
            more,
            (e, a) => {
              [error, answer] = [e, a];
            },
          );
          call.on("metadata", (metadata) => initial = metadata);
          call.on(
            "status",
            ({ metadata }) => resolve({ error, answer, trailers: metadata, initial }),
          );
        },
      );
    const close = async () => {
      client.close();
      await front?.server.shutdown();
      await proxy?.close();
      await server.shutdown();
    };
    return { ...service_, server, client, unary, close };
  };

  test(`grpc-js over ${over}: unary calls at once, metadata both ways, messages of 5 MB`, options, async () => {
    const { server, unary, close } = await scene();
    const metadata = new grpcJs.Metadata();
    metadata.set("x-sent", "some text");
    metadata.set("x-bytes-bin", Buffer.from([0, 1, 254, 255]));
    const { error, answer, initial, trailers } = await unary("Echo", "hello", metadata);
    assertEquals([error, answer], [null, "hello"]);
    assertEquals([initial.get("x-initial"), trailers.get("x-sent")], [["first"], ["some text"]]);
    assertEquals(trailers.get("x-bytes-bin"), [Buffer.from([0, 1, 254, 255])]);
    const texts = Array.from({ length: 300 }, (_, i) => `${i}`);
    assertEquals(await Promise.all(texts.map(async (text) => (await unary("Echo", text)).answer)), texts);
    const large = "0123456789".repeat(500_000);
    assert((await unary("Echo", large)).answer === large);
    assertEquals([server.connections, server.stats().requests], [1, 302]);
    await close();
  });

  test(`grpc-js over ${over}: client, server and bidirectional streaming`, options, async () => {
    const { client, close } = await scene();
    const counted = await collect(client.makeServerStreamRequest(path("Count"), encode, decode, "2000"));
    assertEquals(counted.messages, Array.from({ length: 2000 }, (_, i) => `${i + 1}`));
    assertEquals([counted.code, counted.trailers.get("x-count")], [0, ["2000"]]);
    const sum = await new Promise((resolve, reject) => {
      const call = client.makeClientStreamRequest<string, string>(path("Sum"), encode, decode, (error, sum) => {
        if (error === null) resolve(sum);
        else reject(error);
      });
      for (let i = 1; i <= 1000; i++) call.write(`${i}`);
      call.end();
    });
    assertEquals(sum, "500500");
    const call = client.makeBidiStreamRequest<string, string>(path("Echo"), encode, decode);
    const over = collect(call);
    const turns: string[] = [];
    for (let i = 0; i < 50; i++) {
      const answered = new Promise<string>((resolve) => call.once("data", resolve));
      call.write(`turn ${i}`);
      turns.push(await answered);
    }
    call.end();
    assertEquals(turns, Array.from({ length: 50 }, (_, i) => `turn ${i}`));
    const { messages, code } = await over;
    assertEquals([messages, code], [turns, 0]);
    await close();
  });

  test(`grpc-js over ${over}: errors in the head alone and behind messages`, {
    ...options,
    ...(keepsLast.skip ? keepsLast : {}),
  }, async () => {
    const { client, unary, close } = await scene();
    const refused = await unary("Refuse", "x");
    assertEquals([refused.error?.code, refused.error?.details], [7, "not for yoü"]);
    assertEquals((await unary("None", "x")).error?.code, grpcJs.status.UNIMPLEMENTED);
    const late = await collect(client.makeServerStreamRequest(path("FailLate"), encode, decode, "x"));
    assertEquals([late.messages, late.code, late.details], [["1", "2"], 9, "out of order"]);
    await close();
  });

  test(`grpc-js over ${over}: a deadline and a cancellation end the handler, others go on`, options, async () => {
    for (const how of ["deadline", "cancel"] as const) {
      const { client, unary, begun, ended, close } = await scene();
      assertEquals((await unary("Echo", "connected")).answer, "connected");
      const deadline = how === "deadline" ? { deadline: Date.now() + 500 } : {};
      const call = client.makeServerStreamRequest<string, string>(path("Never"), encode, decode, "x", deadline);
      const over = collect(call);
      await begun;
      if (how === "cancel") call.once("data", () => call.cancel());
      assertEquals((await over).code, how === "cancel" ? grpcJs.status.CANCELLED : grpcJs.status.DEADLINE_EXCEEDED);
      await ended;
      assertEquals((await unary("Echo", "still here")).answer, "still here");
      await close();
    }
  });

  test(`grpc-js over ${over}: a shutdown lets a call end that has begun`, {
    ...options,
    ...(keepsLast.skip ? keepsLast : {}),
  }, async () => {
    const { server, client, close } = await scene();
    const call = client.makeBidiStreamRequest<string, string>(path("Echo"), encode, decode);
    const over = collect(call);
    const first = new Promise((resolve) => call.once("data", resolve));
    call.write("1");
    await first;
    const finished = server.shutdown();
    call.write("2");
    call.end("3");
    const { messages, code } = await over;
    assertEquals([messages, code], [["1", "2", "3"], 0]);
    await finished;
    await close();
  });
}
