/**
 * Stands in for `@std/streams` where JSR cannot be reached: the same names and meaning for what tests and examples
 * use of it.
 *
 * @module
 */

/** Reads a stream of bytes to its end. */
export async function toArrayBuffer(stream: ReadableStream<Uint8Array>): Promise<ArrayBuffer> {
  return await (await toBlob(stream)).arrayBuffer();
}

/** Reads a stream of bytes to its end. */
export async function toBlob(stream: ReadableStream<Uint8Array>): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of read(stream)) chunks.push(new Uint8Array(chunk));
  return new Blob(chunks);
}

/** Reads a stream of bytes or strings to its end, as UTF-8. */
export async function toText(stream: ReadableStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of read<Uint8Array | string>(stream)) {
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Reads a stream of bytes or strings to its end, as JSON. */
export async function toJson(stream: ReadableStream): Promise<unknown> {
  return JSON.parse(await toText(stream));
}

/** One stream after the other. */
export function concatReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  return fromIterable(async function* () {
    for (const stream of streams) yield* read(stream);
  });
}

/** Chunks of all streams as they come. */
export function mergeReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  const { readable, writable } = new TransformStream<T, T>();
  const writer = writable.getWriter();
  const ends = streams.map(async (stream) => {
    for await (const chunk of read(stream)) await writer.write(chunk);
  });
  Promise.all(ends).then(() => writer.close()).catch((error) => writer.abort(error)).catch(() => {});
  return readable;
}

/** A chunk of each stream in turn; the ones that have ended are left out. */
export function zipReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  return fromIterable(async function* () {
    const readers = new Set(streams.map((stream) => stream.getReader()));
    while (readers.size > 0) {
      for (const reader of readers) {
        const { done, value } = await reader.read();
        if (done) readers.delete(reader);
        else yield value;
      }
    }
  });
}

/** A chunk of each stream in turn, until the first one ends; the others are cancelled. */
export function earlyZipReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  return fromIterable(async function* () {
    const readers = streams.map((stream) => stream.getReader());
    while (readers.length > 0) {
      for (const reader of readers) {
        const { done, value } = await reader.read();
        if (done) {
          await Promise.all(readers.map((reader) => reader.cancel()));
          return;
        }
        yield value;
      }
    }
  });
}

/** Lines of a text, without their ends. */
export class TextLineStream extends TransformStream<string, string> {
  constructor({ allowCR = false }: { allowCR?: boolean } = {}) {
    let rest = "";
    super({
      transform(chunk, controller) {
        // A CR at the end may be half of a CRLF.
        const lines = (rest + chunk).split(allowCR ? /\r\n|\n|\r(?!$)/ : /\r?\n/);
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest !== "") controller.enqueue(allowCR ? rest.replace(/\r$/, "") : rest);
      },
    });
  }
}

/** Passes on so many bytes; more are an error, or cut off by whole chunks. */
export class LimitedBytesTransformStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(size: number, { error = false }: { error?: boolean } = {}) {
    let read = 0;
    super({
      transform(chunk, controller) {
        if (read + chunk.byteLength <= size) {
          read += chunk.byteLength;
          controller.enqueue(chunk);
        } else if (error) {
          throw new RangeError(`Exceeded byte size limit of "${size}"`);
        } else {
          controller.terminate();
        }
      },
    });
  }
}

/** Iterates without `ReadableStream.prototype[Symbol.asyncIterator]`, which not every runtime and type library has. */
async function* read<T>(stream: ReadableStream<T>): AsyncGenerator<T> {
  const reader = stream.getReader();
  let ended = false;
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    ended = true;
  } finally {
    if (!ended) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

function fromIterable<T>(chunks: () => AsyncGenerator<T>): ReadableStream<T> {
  const iterator = chunks();
  return new ReadableStream<T>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return(undefined);
    },
  });
}
