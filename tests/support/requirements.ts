/**
 * What the protocols demand and tests show: a test that shows one of these has its id at the end of its name, `[A1]` or
 * `[A1, B2]`.
 *
 * | ids          | are about                                                                     |
 * | ------------ | ----------------------------------------------------------------------------- |
 * | A B          | messages of HTTP/1.1: parsing, framing                                        |
 * | C D          | connections; Expect and informational responses                               |
 * | E F O        | what the RFCs say of Upgrade, of CONNECT, and of bytes that are sent too soon |
 * | U T R        | what both come to on the wire: a server's Upgrade and tunnel, a client's part |
 * | S            | what whoever uses one connection decides                                      |
 * | H            | smuggling and splitting                                                       |
 * | W K L        | WebSocket, permessage-deflate, WebSocketStream                                |
 * | P Q          | the ALPN field, sockets                                                       |
 * | M N V        | HTTP/2: messages; HPACK; preface and frames in general                        |
 * | X Y Z        | HTTP/2: streams and windows; types of frames, errors; extensions              |
 *
 * @module
 */

/**
 * The demands by id: the clause, or where else it is from; and one sentence, in the words of the source as far as these are
 * short.
 */
export const requirements: Readonly<Record<string, readonly [source: string, demands: string]>> = {
  // Message parsing
  A1: [
    "RFC 9112 §3.2",
    "A request without `Host`, with two `Host` lines, or with an invalid one, on HTTP/1.1, gets 400.",
  ],
  A2: ["RFC 9112 §2.2", "A bare CR in a start line or field line makes the message invalid (400 / client error)."],
  A3: ["RFC 9112 §2.2", "A lone LF as a line end is refused, unless `leniency.bareLf` lets it pass."],
  A4: ["RFC 9112 §2.2", "Empty lines before a request line are skipped, one by default."],
  A5: ["RFC 9112 §2.2", "Whitespace between start line and first field rejects the message."],
  A6: ["RFC 9112 §5.1", "Whitespace between field name and colon gets 400; a proxy strips it from a response."],
  A7: ["RFC 9112 §5.2", "obs-fold in a request gets 400; in a response it is replaced by spaces or refused."],
  A8: ["RFC 9110 §5.5", "NUL, CR or LF in a field value makes the message invalid; so do other control characters."],
  A9: ["RFC 9112 §3.2.2", "The absolute-form target is accepted and its authority wins over `Host`."],
  A10: ["RFC 9112 §3.2", "`*` only with OPTIONS; authority-form only with CONNECT; everything else is 400."],
  A11: [
    "RFC 9110 §15.5.15, RFC 9112 §3, RFC 6585 §5",
    "A target longer than the limit gets 414, a method longer than the limit 501, a header section over the limit 431.",
  ],
  A12: [
    "RFC 9112 §2.2",
    "Bytes are parsed as octets: a UTF-8 sequence in a value survives byte for byte through the raw field list.",
  ],
  A13: [
    "RFC 9112 §4",
    "The status line without a reason phrase (with or without the space) parses; we always write the space.",
  ],
  // Framing
  B1: [
    "RFC 9112 §6.1, §6.3",
    "`Transfer-Encoding` overrides `Content-Length`; a request with both gets 400, and where it is accepted the connection closes behind it.",
  ],
  B2: [
    "RFC 9112 §6.3",
    "A request whose `Transfer-Encoding` does not end in `chunked` gets 400 and the connection closes.",
  ],
  B3: ["RFC 9112 §6.1", "An unknown transfer coding gets 501."],
  B4: [
    "RFC 9112 §6.3",
    "Differing, signed, spaced, hexadecimal or too large `Content-Length` values are an unrecoverable error; identical lists go by rule.",
  ],
  B5: ["RFC 9112 §6.1", "HTTP/1.0 with `Transfer-Encoding` is faulty framing: close after processing."],
  B6: ["RFC 9112 §6.3", "Responses to HEAD and 1xx, 204, 304 have no body whatever the headers say."],
  B7: ["RFC 9110 §8.6, RFC 9112 §6.1", "We never send CL or TE in 1xx or 204, nor in a 2xx to CONNECT."],
  B8: [
    "RFC 9112 §7.1",
    "Chunk sizes are parsed without precision loss; more than 2^53-1 or more than 16 hex digits is an error.",
  ],
  B9: ["RFC 9112 §7.1.1", "Chunk extensions are ignored, their total length is limited (4xx beyond it)."],
  B10: ["RFC 9112 §7.1", "A chunk's data must be followed by exactly CRLF; anything else is an error, never a resync."],
  B11: [
    "RFC 9110 §6.5.1",
    "Trailers are kept apart from headers and never merged; framing, routing and auth names in trailers are dropped.",
  ],
  B12: [
    "RFC 9112 §8",
    "An early end (before CL octets or the zero chunk) errors the body stream, never ends it normally.",
  ],
  B13: [
    "RFC 9112 §6.3",
    "We send a body with CL if its length is known, else chunked; never chunked to a peer known as 1.0.",
  ],
  B14: ["RFC 9112 §6.3", "We answer a 1.0 request without `Transfer-Encoding` and delimit by close."],
  B15: [
    "RFC 9112 §9.2",
    "Bytes after the final response with no request outstanding close the connection and are never taken as a response.",
  ],
  // Connections
  C1: ["RFC 9112 §9.6", "After a request or response with `close` no further request on that connection is processed."],
  C2: [
    "RFC 9112 §9.6",
    "After sending or receiving `close` no further request is sent; the connection closes after the response.",
  ],
  C3: ["RFC 9112 §9.3", "Either the whole request body is read or the connection closes after the response."],
  C4: ["RFC 9112 §9.3.2", "Pipelined requests are answered in the order received."],
  C5: ["RFC 9112 §9.2", "Responses are matched in order; a 1xx never completes a request."],
  C6: ["RFC 9112 §9.3", "HTTP/1.0 without `keep-alive` closes after the response."],
  C7: [
    "RFC 9112 §9.6",
    "Closing is staged (9.6): half-close the write side, read until the peer's FIN or a timeout, then close — so a 413 or 400 is not lost by RST.",
  ],
  C8: ["RFC 9112 §9.5", "A response that arrives while the body is being sent, and closes, stops the body."],
  C9: [
    "RFC 9112 §8, §9.8",
    "A truncated response is incomplete; so is one that ends with the connection, over TLS, without close_notify.",
  ],
  C10: [
    "RFC 9112 §9.5",
    "Timeouts exist for header read, body read, keep-alive idle and write; each closes gracefully (408 for headers).",
  ],
  C11: [
    "RFC 9112 §9.6",
    "Graceful shutdown finishes the request in flight, sends `Connection: close`, and waits for or aborts upgraded connections by choice.",
  ],
  // Expect and 1xx
  D1: [
    "RFC 9110 §10.1.1",
    "For `100-continue` with a body announced: a 100 is sent as soon as the handler starts to read, or a final status without it.",
  ],
  D2: ["RFC 9110 §10.1.1", "The expectation is ignored on HTTP/1.0 and when there is no body."],
  D3: ["RFC 9110 §10.1.1", "Another expectation gets 417."],
  D4: [
    "RFC 9110 §15.2",
    "Any number of 1xx before the final response are parsed (and reported through a callback), limit configurable.",
  ],
  D5: [
    "RFC 9110 §10.1.1",
    "`Expect: 100-continue` is sent only with content, waits at most N ms, and a 417 is retried without it.",
  ],
  D6: ["RFC 9110 §15.2", "No 1xx is ever sent to an HTTP/1.0 client."],
  // Upgrade
  E1: ["RFC 9110 §15.2.2", "A 101 always carries `Upgrade` and `Connection: upgrade`."],
  E2: [
    "RFC 9110 §7.8",
    "`upgradeResponse()` throws if the protocol was not offered; names are compared case-insensitively.",
  ],
  E3: [
    "RFC 9110 §7.8",
    "`Upgrade` without the `upgrade` connection option is ignored; so is every Upgrade on HTTP/1.0.",
  ],
  E4: [
    "RFC 9110 §7.8",
    "If no upgrade is accepted the request is served as ordinary HTTP and the connection stays usable.",
  ],
  E5: [
    "RFC 9110 §7.8",
    "The request body (CL or chunked) is read to its end before the first byte goes to the new protocol; it is readable by the handler.",
  ],
  E6: ["RFC 9110 §7.8", "With `Expect: 100-continue` and Upgrade a 100 goes out before the 101."],
  E7: [
    "RFC 9110 §7.8",
    "Bytes that came after the request end up as `readBuf` / the first bytes of `upgraded.readable`, in order, none lost, none duplicated, for every split of the input.",
  ],
  E8: ["RFC 9110 §7.8", "Bytes after the 101's empty line are the first bytes of `upgraded.readable`."],
  E9: [
    "RFC 9110 §7.8",
    "A 101 to a request without Upgrade, or naming a protocol not offered, or without `Upgrade`, is an error and closes the connection.",
  ],
  E10: ["RFC 9110 §7.8", "No byte of the new protocol is sent before the request is complete and (O1) confirmed."],
  E11: [
    "RFC 9110 §7.8",
    "A pipelined request before the Upgrade is answered first; nothing after the Upgrade is parsed as HTTP.",
  ],
  E12: ["RFC 9110 §15.5.22", "426 carries `Upgrade` with the accepted list."],
  E13: [
    "src/README.md, The hand-off",
    "The promise of an upgrade rejects if there is none or the peer has left, and needs no handler.",
  ],
  E14: ["RFC 9110 §7.8", "After 101 no HTTP timer, keep-alive or request limit applies to the connection."],
  E15: [
    "RFC 9110 §7.8",
    "A refused upgrade gives the normal Response with readable body, and the connection can be reused.",
  ],
  E16: [
    "RFC 9110 §7.6.1",
    "Hop-by-hop fields, also those named by `Connection`, are removed before forwarding; `Upgrade` is re-issued only when the proxy itself will switch.",
  ],
  // CONNECT
  F1: [
    "RFC 9112 §3.2.3",
    "The target is exactly `host:port` (IPv6 in brackets), port always present, `Host` identical.",
  ],
  F2: ["RFC 9110 §9.3.6", "An empty, zero, > 65535 or non-numeric port gets 400."],
  F3: ["RFC 9110 §9.3.6", "A 2xx reply has neither CL nor TE; the tunnel starts after its empty line."],
  F4: ["RFC 9110 §9.3.6", "CL and TE in a 2xx to CONNECT are ignored; the bytes after the header are tunnel bytes."],
  F5: ["RFC 9110 §9.3.6", "Every 2xx (not only 200) opens the tunnel; 3xx–5xx is an ordinary response with body."],
  F6: [
    "RFC 9110 §9.3.6",
    "When one side closes, what is outstanding is sent to the other side, then both close; half-close (FIN one way) is passed on without closing the other direction.",
  ],
  F7: ["RFC 9110 §9.3.6", "An abort (RST, TLS without close_notify) of one side aborts the other."],
  F8: ["RFC 9110 §9.3.6", "A proxy leads only where its rule allows."],
  F9: [
    "RFC 9110 §15.6, §11.7, RFC 9209",
    "502 for refused, 504 for timed out, 403 for forbidden, 407 with `Proxy-Authenticate`; optional `Proxy-Status` (RFC 9209).",
  ],
  F10: ["RFC 9110 §11.7", "407 can be retried on a new connection (the server will have closed, O3)."],
  F11: [
    "RFC 9110 §9.3.6",
    "A CONNECT body announced by CL/TE does not become tunnel data silently: it is refused with 400.",
  ],
  // Optimistic transitions
  O1: ["RFC 9931", "A client waits for the 2xx before it sends payload."],
  O2: ["RFC 9931", "No protocol is spoken before its switch is confirmed."],
  O3: [
    "RFC 9931",
    "After rejecting a CONNECT the connection closes and no byte after it is parsed as a request, also without a `close` option; can be switched off for known clients.",
  ],
  O4: ["RFC 9931", "A rejected Upgrade (not CONNECT) does not close the connection."],
  // A server and Upgrade. What hyper does otherwise is in the tests
  U1: [
    "RFC 9110 §7.8",
    "The 101 is the first thing on the wire behind the request, `Date` all that is added, and early bytes are read first.",
  ],
  U2: [
    "RFC 9110 §7.8",
    "A request that is pipelined behind one that switches is not parsed: its bytes are the first of the new protocol.",
  ],
  U3: ["RFC 9110 §7.8", "An upgrade that is refused rejects at once, with the status, and HTTP goes on."],
  U4: [
    "RFC 9110 §7.8",
    "A refused upgrade never resolves later, however the connection ends (hyper resolves it then).",
  ],
  U5: ["RFC 9110 §7.8", "An upgrade belongs to its own exchange: one that is refused says nothing of the next."],
  U6: [
    "RFC 9110 §7.8",
    "`Upgrade` without the `upgrade` connection option is no proposal, unless a leniency takes it for one.",
  ],
  U7: ["RFC 9110 §7.8", "`Upgrade` in HTTP/1.0 is no proposal, and no 101 answers it."],
  U8: ["RFC 9110 §15.2.2", "Without a proposal `onUpgrade()` rejects, and a 101 becomes 500."],
  U9: [
    "RFC 9110 §7.8",
    "A bare 101 is completed where one protocol was offered; one that names what was not offered is refused.",
  ],
  U10: ["RFC 9110 §15.2.2", "A 101 with a body becomes 500 before anything is written; an empty body is none."],
  U11: ["RFC 9110 §8.6", "`Content-Length` is left out of a 101."],
  U12: ["RFC 9112 §6.1", "`Transfer-Encoding` is left out of a 101."],
  U13: [
    "RFC 9110 §7.6.1",
    "`Connection: upgrade` of a 101 is never rewritten, and `close` does not keep from switching (hyper#3720).",
  ],
  U14: [
    "RFC 9110 §7.8",
    "The body of a request that switches is read or drained to its end, within limits, then comes the new protocol.",
  ],
  U15: ["RFC 9112 §7.1", "So it is with a chunked body, whose chunks must be whole."],
  U16: ["RFC 9110 §7.8", "The rest of a body that nobody reads never gets into the new protocol (in hyper it does)."],
  U17: ["RFC 9110 §7.8, §10.1.1", "A 100 that is awaited goes out before the 101, once, and never before a refusal."],
  U18: [
    "RFC 9110 §7.8",
    "The connection is handed over when the transport has taken the whole 101, however slowly (hyper cuts it).",
  ],
  U19: ["RFC 9112 §6.1", "An Upgrade with both framings gets 400."],
  U20: [
    "hyper, `without_shutdown`",
    "`withoutShutdown()` gives the transport itself back, with what was read too much.",
  ],
  U21: ["RFC 9110 §7.8", "A handler that fails, or a peer that leaves, rejects the upgrade."],
  // A server and CONNECT
  T1: ["RFC 9110 §9.3.6", "A 200 opens the tunnel; bytes behind the request are read first."],
  T2: ["RFC 9110 §9.3.6", "Length fields are left out of a 2xx, which is sent all the same (hyper#1783)."],
  T3: ["RFC 9110 §9.3.6", "A 2xx with a body becomes 500 before anything is written."],
  T4: ["RFC 9110 §9.3.6", "Every 2xx opens a tunnel, 204 as well."],
  T5: ["RFC 9931", "Behind a refusal nothing is parsed; where that is allowed, what is no request gets 400."],
  T6: ["RFC 9110 §15.2.2", "A 101 never answers CONNECT, nor is it taken for an answer."],
  T7: ["RFC 9110 §9.3.6", "HTTP/1.0 may open a tunnel, and needs no `Connection` for it."],
  T8: ["RFC 9110 §9.3.6", "CONNECT has no content: it is refused, and read before the tunnel where it is allowed."],
  T9: ["RFC 9112 §3.2.3", "A target that is no authority with a port gets 400."],
  T10: ["RFC 9110 §9.3.6", "FIN right behind a CONNECT does not keep the handler from answering."],
  T11: ["RFC 9110 §9.3.6", "Nor does FIN behind early bytes, which are read first."],
  T12: ["RFC 9110 §9.3.6", "CONNECT proposes a tunnel whatever `Upgrade` says, over HTTP/1.0 too."],
  // A client and both
  R1: [
    "RFC 9110 §7.8",
    "A 101 that was not asked for, or to what was not offered, is an error, unless a leniency takes it.",
  ],
  R2: [
    "RFC 9110 §7.8",
    "A refused upgrade is an ordinary response behind which the connection goes on; `onUpgrade()` rejects.",
  ],
  R3: ["RFC 9112 §6.3", "Length fields in a 101 mean nothing."],
  R4: ["RFC 9110 §15.2", "Informational responses may come before a 101."],
  R5: ["RFC 9110 §7.8", "A 101 in HTTP/1.0 is an error, unless a leniency takes it."],
  R6: ["RFC 9110 §7.8", "The method does not matter to a switch, HEAD included."],
  R7: ["RFC 9110 §9.3.6", "Length fields in a 2xx to CONNECT mean nothing, and can be seen."],
  R8: ["RFC 9110 §9.3.6", "Every 2xx opens the tunnel, in HTTP/1.0 and behind a 100 as well."],
  R9: ["RFC 9110 §9.3.6", "So does 204 (hyper takes it for no tunnel)."],
  R10: ["RFC 9110 §11.7", "A 407 has its body, and CONNECT can be sent again where the connection goes on."],
  R11: ["RFC 9112 §6.3", "A 407 without a length has its body to the end of the connection."],
  R12: [
    "src/README.md, The hand-off",
    "An upgrade that nobody claims is parked without reading, and closed after a time or when it is disposed of.",
  ],
  R13: ["hyper, `SendRequest::ready`", "A connection that has switched refuses the next request at once."],
  // One connection in the hands of its user
  S2: ["hyper, `conn::http1`", "The caller says target, `Host` and fields, and nothing is added."],
  S3: ["hyper, `conn::http1`", "The caller decides when the connection shuts down."],
  S4: [
    "hyper, `without_shutdown`",
    "The transport comes back when HTTP is complete, open, with what was read too much.",
  ],
  // Smuggling and splitting
  H1: ["RFC 9112 §11", "Nothing lets CR, LF or NUL into a start line, a name, a value, a reason or a trailer."],
  H2: ["RFC 9112 §11", "What can be understood in two ways gets a verdict that the RFC allows."],
  H3: [
    "RFC 9112 §11.2, RFC 9110 §7.6",
    "A message is re-serialised from the parsed form, never copied through: one framing, one Host, a `Via`.",
  ],
  H4: ["RFC 9112 §2.2", "However the bytes are cut, the result is the same."],
  // WebSocket
  W1: [
    "RFC 6455 §4.2.1",
    "The request is a GET of HTTP/1.1 with both upgrade fields, a key of 16 bytes and version 13; else 400, or 426 for the version.",
  ],
  W2: ["RFC 6455 §4.2.2", "`Sec-WebSocket-Accept` is the SHA-1 of key and GUID."],
  W3: ["RFC 6455 §4.2.2", "There is one subprotocol at most, and it was offered."],
  W4: ["RFC 6455 §4.1", "A client fails on a wrong accept, on what was not offered, and without the upgrade fields."],
  W5: ["RFC 6455 §4.1, §10.3", "Keys are another one each time, and no data goes out before the 101."],
  W6: ["RFC 6455 §10.2", "`Origin` can be checked before anything is accepted; a refusal is 403."],
  W7: ["RFC 6455 §4.1", "Another answer than 101 is the caller's, with its body."],
  W8: ["RFC 6455 §4.1", "The caller's fields cannot replace those of the handshake."],
  W9: ["RFC 6455 §5.1", "Frames are masked by clients and by nobody else; anything else is 1002."],
  W10: ["RFC 6455 §5.2, §5.5", "Reserved bits and opcodes, and control frames that are long or fragmented, are 1002."],
  W11: ["RFC 6455 §5.4", "Control frames may come between fragments; fragments out of order are 1002."],
  W12: ["RFC 6455 §8.1", "Text that is no UTF-8 is 1007, at the first bad byte."],
  W13: [
    "RFC 6455 §5.2, §7.4.1",
    "Lengths are minimal and below 2^63; what is longer than the limit is 1009, before it is read.",
  ],
  W14: ["RFC 6455 §5.5.2, §5.5.3", "A Ping is answered with its payload; a Pong that was not asked for is ignored."],
  W15: [
    "RFC 6455 §7.4",
    "Close codes that may not be sent are refused, and 1002 when they come; so is a payload of one byte.",
  ],
  W16: [
    "RFC 6455 §7.1, §5.5.1",
    "A Close is echoed, nothing follows it, the server ends the connection first, and a timeout ends the wait.",
  ],
  W17: ["Autobahn", "The cases of the Autobahn test suite pass."],
  // permessage-deflate
  K1: [
    "RFC 7692 §7.1",
    "Offers with parameters that are unknown, repeated or malformed are declined; such an answer fails.",
  ],
  K2: ["RFC 7692 §7.1.1, §7.1.2", "Context takeover and window bits are obeyed in both directions."],
  K3: ["RFC 7692 §6", "RSV1 is for the first frame of a data message; elsewhere it is 1002."],
  K4: ["RFC 7692 §7.2.1, §7.2.2", "The tail 00 00 ff ff is cut off when sent and put back when read."],
  K5: ["RFC 7692 §7.2.3.4", "A block with BFINAL is decoded, and the message goes on behind it."],
  K6: ["RFC 7692 §8", "The limit holds for what is inflated (1009); what is no DEFLATE is 1007."],
  K7: ["RFC 7692 §7.2.3.6", "An empty message works in both directions."],
  // WebSocketStream
  L1: ["whatwg/websockets#48", "`opened`, `closed` and `close()` give and take what the draft says."],
  L2: ["whatwg/websockets#48", "A reader that does not read stops the peer after a bounded number of messages."],
  L3: ["whatwg/websockets#48", "Writes wait until the transport has room."],
  // The ALPN field
  P2: [
    "RFC 7639 §2",
    "`ALPN: h2, http%2F1.1` on CONNECT: percent-encoding in upper case, only where a token needs it.",
  ],
  // Sockets
  Q1: [
    "WinterTC Sockets API",
    "Whatever has `readable` and `writable` of bytes is a transport; `opened`, `closed` and `close()` are used if there.",
  ],
  Q2: ["WinterTC Sockets API", "`connect()` returns at once, and `opened` tells addresses and ALPN."],
  Q3: ["WinterTC Sockets API", "Each direction ends by itself; `allowHalfOpen: false` answers FIN with FIN."],
  Q4: [
    "WinterTC Sockets API",
    "`startTls()` gives a new socket on the same connection, and the old one is no longer to be used.",
  ],
  // HTTP/2: messages
  M1: ["RFC 9113 §8.2.1", "A field name that is no token, or has a capital letter, makes a message malformed."],
  M2: [
    "RFC 9113 §8.2.1",
    "So does a value with NUL, CR, LF or another control character, or with white space around it.",
  ],
  M3: [
    "RFC 9113 §8.2.2",
    "Fields about connections of HTTP/1.1, and `TE` but for `trailers`, make a message malformed and are never sent.",
  ],
  M4: ["RFC 9113 §8.2.3", "Several `Cookie` lines are joined by `; ` before anything else sees them."],
  M5: [
    "RFC 9113 §8.3",
    "Pseudo-fields come before the others, once each, only known ones, only in their kind of message, and never in trailers.",
  ],
  M6: ["RFC 9113 §8.3.1", "A request but CONNECT has one valid `:method`, `:scheme` and `:path`."],
  M7: ["RFC 9113 §8.3.1", "A path of http or https is not empty and begins with a slash, or is `*` with OPTIONS."],
  M8: [
    "RFC 9113 §8.3.1",
    "An authority of http or https is a host without a user; `Host` may stand for it and does not differ from it.",
  ],
  M9: ["RFC 9113 §8.3.2", "A response has one `:status` of three digits."],
  M10: ["RFC 9113 §8.5", "CONNECT has `:method` and `:authority`, a host and a port, and no other pseudo-field."],
  M11: ["RFC 9113 §8.6", "A 101 is malformed, and never sent."],
  M12: ["RFC 9113 §8.1.1", "`Content-Length` is one number, and that of the bytes of DATA."],
  M13: ["RFC 9113 §8.1", "HEADERS behind the final head without END_STREAM make a message malformed."],
  M14: [
    "RFC 9113 §8.1",
    "Informational responses come before the final one, any number within a bound; one with END_STREAM is malformed.",
  ],
  M15: ["RFC 9113 §8.1.1", "What is malformed is PROTOCOL_ERROR of the stream, and the connection goes on."],
  M16: ["RFC 9113 §8.4", "A client disables push, and a PUSH_PROMISE is an error of the connection."],
  M17: ["RFC 9113 §8.2", "Names are sent in lower case, and what is malformed is not sent but throws."],
  M18: ["RFC 9113 §8.5", "On a tunnel frames but DATA and those about the stream are an error of the stream."],
  M19: [
    "RFC 9113 §8.1",
    "A response may end before its request, with RST_STREAM NO_ERROR behind it, and is not lost by that.",
  ],
  M20: ["RFC 9113 §8.7", "REFUSED_STREAM, and a number above GOAWAY's last, tell that nothing was processed."],
  // HTTP/2: HPACK
  N1: ["RFC 7541 appendix C", "The examples are read as they say, and leave tables as large as they say."],
  N2: ["RFC 7541 §5.1", "Integers of every prefix are read, and one beyond the limits is an error."],
  N3: ["RFC 7541 §5.2", "EOS in a text, and padding that is longer than 7 bits or has a zero, are errors."],
  N4: [
    "RFC 7541 §4.2, §6.3",
    "A table changes its size at the beginning of a block only, to no more than was allowed, and the least size is told.",
  ],
  N5: ["RFC 7541 §2.3.3, §6.1", "The index 0, and one behind both tables, are errors."],
  N6: ["RFC 7541 §4.4", "The oldest entries go where there is no room, and an entry larger than the table empties it."],
  N7: ["RFC 7541 §7.1.3", "Credentials and short cookies are never indexed."],
  N8: ["RFC 7541 §6.2.3", "Which fields came as never indexed is told, and such fields are sent as never indexed."],
  N9: ["RFC 7541 §2.3.2", "What becomes of one message changes nothing in the table from which the next is read."],
  N10: ["RFC 9113 §4.3", "A block that cannot be decoded is an error of the connection, COMPRESSION_ERROR."],
  N11: ["RFC 9113 §4.3.1", "A smaller table that was acknowledged is confirmed by a size update in the next block."],
  N12: [
    "RFC 9113 §4.3, §5.1",
    "Blocks of streams that are refused, reset or closed are decoded all the same.",
  ],
  // HTTP/2: preface, frames in general
  V1: ["RFC 9113 §3.4", "A client sends the preface and SETTINGS first, a server SETTINGS."],
  V2: ["RFC 9113 §3.4", "Other bytes, or another frame than SETTINGS first, are an error of the connection."],
  V3: ["RFC 9113 §3.4, §6.5.3", "Each SETTINGS is acknowledged once, in order, and applies from then on."],
  V4: ["RFC 9113 §4.1, §5.5", "Frames of unknown types are ignored, on any stream."],
  V5: ["RFC 9113 §4.1", "Flags without a meaning and the reserved bit are ignored, and never sent."],
  V6: ["RFC 9113 §4.2", "A frame above SETTINGS_MAX_FRAME_SIZE is FRAME_SIZE_ERROR."],
  V7: ["RFC 9113 §4.2", "So is one that is too small for what it must hold."],
  V8: [
    "RFC 9113 §4.3, §6.2, §6.10",
    "A field block is one sequence of frames: any other frame within it is an error of the connection.",
  ],
  V9: ["RFC 9113 §4.2, §6.10", "What is sent is in frames no longer than the peer allows."],
  V10: ["RFC 9113 §5.5, §6.5.2", "Unknown settings have no effect."],
  V11: ["RFC 9113 §4.1", "However the bytes are cut, the result is the same."],
  // HTTP/2: streams and windows
  X1: ["RFC 9113 §5.1", "On an idle stream HEADERS of a client and PRIORITY may come; others end the connection."],
  X2: ["RFC 9113 §5.1", "On an open stream every frame may come."],
  X3: ["RFC 9113 §5.1", "Behind END_STREAM all but WINDOW_UPDATE, PRIORITY and RST_STREAM is STREAM_CLOSED."],
  X4: ["RFC 9113 §5.1", "Behind our END_STREAM every frame may come."],
  X5: ["RFC 9113 §5.1", "On a closed stream WINDOW_UPDATE and RST_STREAM are ignored; others are STREAM_CLOSED."],
  X6: [
    "RFC 9113 §5.1, §5.4.2",
    "Behind our RST_STREAM what was on its way is read and dropped, and DATA counts for the connection's window.",
  ],
  X7: ["RFC 9113 §5.1", "Behind the peer's RST_STREAM, DATA and HEADERS are STREAM_CLOSED, and nothing is sent."],
  X8: ["RFC 9113 §5.1.1", "Numbers of streams are odd and rise; another is an error of the connection."],
  X9: ["RFC 9113 §5.1.1", "Behind the last number, 2^31-1, no stream is opened."],
  X10: ["RFC 9113 §5.1.2", "More streams than were allowed are refused; closed ones do not count."],
  X11: ["RFC 9113 §5.1.2", "A client opens no more streams than its peer allows."],
  X12: ["RFC 9113 §5.2.1, §6.9.1", "No more DATA is sent than both windows allow."],
  X13: ["RFC 9113 §6.9.1", "A window above 2^31-1 is FLOW_CONTROL_ERROR, of the stream or of the connection."],
  X14: ["RFC 9113 §6.9", "An increment of 0 is PROTOCOL_ERROR, of the stream or of the connection."],
  X15: [
    "RFC 9113 §6.9.2",
    "SETTINGS_INITIAL_WINDOW_SIZE moves the windows of all streams, below 0 too, and not the connection's.",
  ],
  X16: ["RFC 9113 §6.9.2", "If a window exceeds 2^31-1 by that, it is FLOW_CONTROL_ERROR of the connection."],
  X17: ["RFC 9113 §6.9.1", "More DATA than was allowed, padding counted, is FLOW_CONTROL_ERROR."],
  X18: [
    "RFC 9113 §5.2.2, §6.9",
    "Windows open as data is consumed; what is dropped opens the connection's window by itself.",
  ],
  X19: ["RFC 9113 §6.9.3", "A smaller window that we told holds once it is acknowledged."],
  X20: ["RFC 9113 §6.9", "A WINDOW_UPDATE of a stream that is half-closed or closed is no error."],
  X21: ["RFC 9113 §6.9.1", "Empty DATA with END_STREAM passes a closed window."],
  // HTTP/2: types of frames, errors
  Y1: ["RFC 9113 §6.1", "DATA is on a stream, and its padding is shorter than its payload."],
  Y2: ["RFC 9113 §6.2, §5.3.2", "So it is with HEADERS; a priority in it means nothing."],
  Y3: ["RFC 9113 §6.3", "PRIORITY means nothing; on stream 0, or of a wrong length, it is an error."],
  Y4: ["RFC 9113 §6.4", "RST_STREAM ends a stream: nothing is sent on it any more."],
  Y5: ["RFC 9113 §6.5", "SETTINGS are on the connection, of whole settings; an acknowledgement is empty."],
  Y6: ["RFC 9113 §6.5.2", "Values out of their ranges are errors of the connection; the ends of ranges are allowed."],
  Y7: ["RFC 9113 §6.5.3", "The values of SETTINGS apply in order: the last of a name counts."],
  Y8: ["RFC 9113 §6.7", "PING is answered once with its payload, and an answer is not answered."],
  Y9: [
    "RFC 9113 §6.8",
    "Behind GOAWAY streams up to its last go on, those above end as not processed, and none is opened.",
  ],
  Y10: ["RFC 9113 §6.8", "A server says the last stream that it took up, and the number that it says never rises."],
  Y11: ["RFC 9113 §6.9", "WINDOW_UPDATE has four bytes."],
  Y12: ["RFC 9113 §6.10", "CONTINUATION without a block before it is an error of the connection."],
  Y13: [
    "RFC 9113 §5.4.1",
    "An error of the connection is one GOAWAY with its code; nothing is read or sent behind it.",
  ],
  Y14: ["RFC 9113 §5.4.2", "An error of a stream is one RST_STREAM, and none answers a RST_STREAM."],
  Y15: ["RFC 9113 §7", "An unknown error code is no special case."],
  Y16: ["RFC 9113 §5.4", "The end of the transport is the end of the connection."],
  // HTTP/2: extended CONNECT and priorities
  Z1: ["RFC 8441 §3", "`:protocol` is malformed unless SETTINGS_ENABLE_CONNECT_PROTOCOL said that it may come."],
  Z2: ["RFC 8441 §4", "An extended CONNECT has `:scheme`, `:path` and `:authority`; no other method has `:protocol`."],
  Z3: [
    "RFC 8441 §3",
    "SETTINGS_ENABLE_CONNECT_PROTOCOL is 0 or 1 and not taken back; `:protocol` is sent only once it was told.",
  ],
  Z4: [
    "RFC 9218 §4",
    "A priority is a dictionary of `u` and `i`; what is unknown, of another type or out of range counts as not said.",
  ],
  Z5: ["RFC 9218 §7.1", "PRIORITY_UPDATE on a stream, or about stream 0, is an error of the connection."],
  Z6: ["RFC 9218 §7.1", "PRIORITY_UPDATE to a client is an error of the connection."],
  Z7: [
    "RFC 9218 §7.1",
    "For a stream that is not open yet it is kept, within a bound; for a closed one it is ignored.",
  ],
  Z8: ["RFC 9218 §2.1", "SETTINGS_NO_RFC7540_PRIORITIES is 0 or 1."],
  Z9: ["RFC 9218 §10", "Of responses that wait the more urgent goes first; those that are incremental share."],
};
