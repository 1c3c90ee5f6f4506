/**
 * Handshakes with one server wait for each other: no more than one connection to an address may be CONNECTING, so that a page
 * cannot flood a server, and a server that is overloaded is not pressed (RFC 6455 §4.1, step 2 of the first list).
 *
 * @module
 */

/** Those that wait for the one under way, by its address. */
const lines: WeakMap<object, Map<string, Set<() => void>>> = new WeakMap();

/**
 * Connects when no other of the same address is under way: at once, or when those before it are open or have failed.
 *
 * @param owner Whose connections are meant.
 * @param address Host and port. Which names mean the same host is not looked up.
 * @param signal Leaves the line as well.
 * @param connect Begins; what it gives is settled when the handshake is over.
 */
export function inLine<Opened>(
  owner: object,
  address: string,
  signal: AbortSignal,
  connect: () => Promise<Opened>,
): Promise<Opened> {
  const ofOwner = lines.get(owner) ?? new Map<string, Set<() => void>>();
  const line = ofOwner.get(address);
  const begin = (): Promise<Opened> => {
    const opening = connect();
    const leave = (): void => callNext(ofOwner, address);
    opening.then(leave, leave);
    return opening;
  };
  if (line !== undefined) return waited(line, signal).then(begin);
  lines.set(owner, ofOwner);
  ofOwner.set(address, new Set());
  return begin();
}

function waited(line: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cancel = (): void => {
      line.delete(call);
      reject(signal.reason);
    };
    const call = (): void => {
      signal.removeEventListener("abort", cancel);
      resolve();
    };
    line.add(call);
    signal.addEventListener("abort", cancel, { once: true });
  });
}

function callNext(ofOwner: Map<string, Set<() => void>>, address: string): void {
  const line = ofOwner.get(address)!;
  const [next] = line;
  if (next === undefined) return void ofOwner.delete(address);
  line.delete(next);
  next();
}
