/**
 * A body as a `Blob`. The light messages of server and client make it without a real message of the platform, which takes over
 * a stream, and on Bun forgets the type then.
 *
 * @module
 */

import { PlatformResponse } from "../http1/light_response.ts";

/** A blob of the type that `headers` say, spelled as the platform does (Fetch standard, "get the MIME type"). */
export async function typedBlob(bytes: Uint8Array, headers: Headers): Promise<Blob> {
  const type = headers.get("content-type");
  const part = bytes as Uint8Array<ArrayBuffer>;
  // Bun takes bytes without a type for text.
  if (type === null) return new Blob([part]);
  return await new PlatformResponse(part, { headers: { "content-type": type } }).blob();
}
