/**
 * What a handler's failure means: whose doing it is, and what the client is told.
 *
 * @module
 */

const departures: WeakSet<object> = new WeakSet();

/** Remembers that an error says no more than that the client of a connection has left. */
export function departed<Failure>(error: Failure): Failure {
  if (typeof error === "object" && error !== null) departures.add(error);
  return error;
}

/** Whether an error, or what caused it, says no more than that the client has left. */
export function isDeparture(error: unknown): boolean {
  return causesOf(error).some((each) => departures.has(each));
}

/** An error, what caused it, what caused that, and so on: each of them once, as they may go round in a circle. */
function causesOf(error: unknown): object[] {
  const causes = new Set<object>();
  let each = error;
  while (typeof each === "object" && each !== null && !causes.has(each)) {
    causes.add(each);
    each = (each as { readonly cause?: unknown }).cause;
  }
  return [...causes];
}

/**
 * Whether another machine has failed, or the way to it, and no code of ours. Names are asked, since two copies of the
 * package have classes of their own.
 */
export function isPeersDoing(error: unknown): boolean {
  const { name } = Object(error) as { readonly name?: unknown };
  if (name === "TransportError" || name === "ProtocolError" || name === "Http2Error" || name === "UnsentError") {
    return true;
  }
  return name === "TimeoutError" || isRejectedByPeer(error);
}

/** Whether a server or a proxy has refused to switch; only clients have its response. */
function isRejectedByPeer(error: unknown): boolean {
  const { name, response } = Object(error) as { readonly name?: unknown; readonly response?: unknown };
  return name === "UpgradeRejected" && response !== undefined;
}

/**
 * What a client is told when its handler has passed on a failure: 504 and 502 when that is one of a server behind it (RFC
 * 9110 §15.6.3, §15.6.5), the status of a `ProtocolError` if it is a refusal, else 500.
 */
export function statusOf(error: unknown): number {
  const failure = causesOf(error).find((each) => (each as { readonly name?: unknown }).name !== "UnsentError");
  const { name, code, status } = Object(failure) as { readonly [key in "name" | "code" | "status"]?: unknown };
  if (name === "ProtocolError") return isRefusal(status) ? status : 500;
  if (name === "TransportError") return code === "timeout" ? 504 : 502;
  if (name === "Http2Error") return 502;
  if (name === "TimeoutError") return 504;
  return isRejectedByPeer(failure) ? 502 : 500;
}

function isRefusal(status: unknown): status is number {
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599;
}
