/**
 * `Request` and `fetch()` that take the light requests of handlers, for programs that make requests of requests and are not to be
 * changed. `server.ts` asks for them while a server with `replaceGlobalRequest` runs.
 *
 * @module
 */

import { messageOf, standFor } from "../../http1/stand_in.ts";
import { Replacement } from "./global_replacement.ts";
import { LightRequest, PlatformRequest } from "./light_request.ts";

type Input = RequestInfo | URL;
type Init = RequestInit | undefined;

/** The platform's class, in which one thing is different: a light request is taken for what it stands for. */
const RequestOfAll: typeof Request = new Proxy(PlatformRequest, {
  construct(platform, args, target) {
    const [input, init] = args as [Input, Init];
    const inPlace = [LightRequest.real(input, replacesBody(init)), ...args.slice(1)];
    const made = Reflect.construct(platform, inPlace, target === RequestOfAll ? platform : target) as Request;
    if (typeof input === "object" && input !== null && messageOf(input) !== input) standFor(made, messageOf(input));
    return made;
  },
});

/** The platform's function, with the same difference. */
const fetchOfAll: typeof fetch = new Proxy(fetch, {
  apply(platform, self, [input, init, ...rest]: [Input, Init]) {
    return Reflect.apply(platform, self, [LightRequest.real(input, replacesBody(init)), init, ...rest]);
  },
});

/** Then that of the request may have been read already. */
function replacesBody(init: Init): boolean {
  return init?.body !== undefined && init.body !== null;
}

const replacements = [new Replacement("Request", RequestOfAll), new Replacement("fetch", fetchOfAll)];

/**
 * Puts both in place, until each caller has called what it got.
 *
 * @returns Ends it.
 */
export function replaceGlobalRequest(): () => void {
  const ends = replacements.map((replacement) => replacement.use());
  return () => {
    for (const end of ends) end();
  };
}
