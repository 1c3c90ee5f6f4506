/**
 * The door to the runtime's channels for diagnostics. It stands apart from that to sockets: a WebSocket's handshake, which goes
 * without those, checks the options of a client too.
 *
 * @module
 */

export { type DiagnosticsChannel, diagnosticsChannel } from "../platform/diagnostics.ts";
