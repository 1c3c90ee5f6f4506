/**
 * What HTTP/1.1 demands and tests show: a test that shows one of these has its id in its name, `[A1]`.
 *
 * @module
 */

/** The demands by id, in the words of their clauses as far as these are short. */
export const requirements: Readonly<Record<string, string>> = {
  // Message parsing (RFC 9112 §2–5, RFC 9110 §5)
  A1: "A request without `Host`, with two `Host` lines, or with an invalid one, on HTTP/1.1, gets 400.",
  A2: "A bare CR in a start line or field line makes the message invalid (400 / client error).",
  A3: "A lone LF as a line end is refused, unless `leniency.bareLf` lets it pass.",
  A4: "Empty lines before a request line are skipped, one by default.",
  A5: "Whitespace between start line and first field rejects the message.",
  A6: "Whitespace between field name and colon gets 400; a proxy strips it from a response.",
  A7: "obs-fold in a request gets 400; in a response it is replaced by spaces or refused.",
  A8: "NUL, CR or LF in a field value makes the message invalid; so do other control characters.",
  A9: "The absolute-form target is accepted and its authority wins over `Host`.",
  A10: "`*` only with OPTIONS; authority-form only with CONNECT; everything else is 400.",
  A11:
    "A target longer than the limit gets 414, a method longer than the limit 501, a header section over the limit 431.",
  A12: "Bytes are parsed as octets: a UTF-8 sequence in a value survives byte for byte through the raw field list.",
  A13: "The status line without a reason phrase (with or without the space) parses; we always write the space.",
  // Framing (RFC 9112 §6–7)
  B1:
    "`Transfer-Encoding` overrides `Content-Length`; a request with both gets 400, and where it is accepted the connection closes behind it.",
  B2: "A request whose `Transfer-Encoding` does not end in `chunked` gets 400 and the connection closes.",
  B3: "An unknown transfer coding gets 501.",
  B4:
    "Differing, signed, spaced, hexadecimal or too large `Content-Length` values are an unrecoverable error; identical lists go by rule.",
  B5: "HTTP/1.0 with `Transfer-Encoding` is faulty framing: close after processing.",
  B6: "Responses to HEAD and 1xx, 204, 304 have no body whatever the headers say.",
  B7: "We never send CL or TE in 1xx or 204, nor in a 2xx to CONNECT.",
  B8: "Chunk sizes are parsed without precision loss; more than 2^53-1 or more than 16 hex digits is an error.",
  B9: "Chunk extensions are ignored, their total length is limited (4xx beyond it).",
  B10: "A chunk's data must be followed by exactly CRLF; anything else is an error, never a resync.",
  B11:
    "Trailers are kept apart from headers and never merged; framing, routing and auth names in trailers are dropped.",
  B12: "An early end (before CL octets or the zero chunk) errors the body stream, never ends it normally.",
  B13: "We send a body with CL if its length is known, else chunked; never chunked to a peer known as 1.0.",
  B14: "We answer a 1.0 request without `Transfer-Encoding` and delimit by close.",
  B15:
    "Bytes after the final response with no request outstanding close the connection and are never taken as a response.",
  // Connections (RFC 9112 §8–9)
  C1: "After a request or response with `close` no further request on that connection is processed.",
  C2: "After sending or receiving `close` no further request is sent; the connection closes after the response.",
  C3: "Either the whole request body is read or the connection closes after the response.",
  C4: "Pipelined requests are answered in the order received.",
  C5: "Responses are matched in order; a 1xx never completes a request.",
  C6: "HTTP/1.0 without `keep-alive` closes after the response.",
  C7:
    "Closing is staged (9.6): half-close the write side, read until the peer's FIN or a timeout, then close — so a 413 or 400 is not lost by RST.",
  C8: "A response that arrives while the body is being sent, and closes, stops the body.",
  C9: "A truncated response is incomplete; so is one that ends with the connection, over TLS, without close_notify.",
  C10:
    "Timeouts exist for header read, body read, keep-alive idle and write; each closes gracefully (408 for headers).",
  C11:
    "Graceful shutdown finishes the request in flight, sends `Connection: close`, and waits for or aborts upgraded connections by choice.",
  // Expect and 1xx (RFC 9110 §10.1.1, §15.2)
  D1:
    "For `100-continue` with a body announced: a 100 is sent as soon as the handler starts to read, or a final status without it.",
  D2: "The expectation is ignored on HTTP/1.0 and when there is no body.",
  D3: "Another expectation gets 417.",
  D4: "Any number of 1xx before the final response are parsed (and reported through a callback), limit configurable.",
  D5: "`Expect: 100-continue` is sent only with content, waits at most N ms, and a 417 is retried without it.",
  D6: "No 1xx is ever sent to an HTTP/1.0 client.",
  // Upgrade (RFC 9110 §7.8, §15.2.2, §15.5.22)
  E1: "A 101 always carries `Upgrade` and `Connection: upgrade`.",
  E2: "`upgradeResponse()` throws if the protocol was not offered; names are compared case-insensitively.",
  E3: "`Upgrade` without the `upgrade` connection option is ignored; so is every Upgrade on HTTP/1.0.",
  E4: "If no upgrade is accepted the request is served as ordinary HTTP and the connection stays usable.",
  E5:
    "The request body (CL or chunked) is read to its end before the first byte goes to the new protocol; it is readable by the handler.",
  E6: "With `Expect: 100-continue` and Upgrade a 100 goes out before the 101.",
  E7:
    "Bytes that came after the request end up as `readBuf` / the first bytes of `upgraded.readable`, in order, none lost, none duplicated, for every split of the input.",
  E8: "Bytes after the 101's empty line are the first bytes of `upgraded.readable`.",
  E9:
    "A 101 to a request without Upgrade, or naming a protocol not offered, or without `Upgrade`, is an error and closes the connection.",
  E10: "No byte of the new protocol is sent before the request is complete and (O1) confirmed.",
  E11: "A pipelined request before the Upgrade is answered first; nothing after the Upgrade is parsed as HTTP.",
  E12: "426 carries `Upgrade` with the accepted list.",
  E13: "The promise of an upgrade rejects if there is none or the peer has left, and needs no handler.",
  E14: "After 101 no HTTP timer, keep-alive or request limit applies to the connection.",
  E15: "A refused upgrade gives the normal Response with readable body, and the connection can be reused.",
  E16:
    "Hop-by-hop fields, also those named by `Connection`, are removed before forwarding; `Upgrade` is re-issued only when the proxy itself will switch.",
  // CONNECT (RFC 9110 §9.3.6, RFC 9112 §3.2.3)
  F1: "The target is exactly `host:port` (IPv6 in brackets), port always present, `Host` identical.",
  F2: "An empty, zero, > 65535 or non-numeric port gets 400.",
  F3: "A 2xx reply has neither CL nor TE; the tunnel starts after its empty line.",
  F4: "CL and TE in a 2xx to CONNECT are ignored; the bytes after the header are tunnel bytes.",
  F5: "Every 2xx (not only 200) opens the tunnel; 3xx–5xx is an ordinary response with body.",
  F6:
    "When one side closes, what is outstanding is sent to the other side, then both close; half-close (FIN one way) is passed on without closing the other direction.",
  F7: "An abort (RST, TLS without close_notify) of one side aborts the other.",
  F8: "A proxy leads only where its rule allows.",
  F9:
    "502 for refused, 504 for timed out, 403 for forbidden, 407 with `Proxy-Authenticate`; optional `Proxy-Status` (RFC 9209).",
  F10: "407 can be retried on a new connection (the server will have closed, O3).",
  F11: "A CONNECT body announced by CL/TE does not become tunnel data silently: it is refused with 400.",
  // Optimistic transitions (RFC 9931)
  O1: "A client waits for the 2xx before it sends payload.",
  O2: "No protocol is spoken before its switch is confirmed.",
  O3:
    "After rejecting a CONNECT the connection closes and no byte after it is parsed as a request, also without a `close` option; can be switched off for known clients.",
  O4: "A rejected Upgrade (not CONNECT) does not close the connection.",
  // Smuggling and splitting (RFC 9112 §11)
  H1: "Nothing lets CR, LF or NUL into a start line, a name, a value, a reason or a trailer.",
  H2: "What can be understood in two ways gets a verdict that the RFC allows.",
  H3: "A message is re-serialised from the parsed form, never copied through: one framing, one Host, a `Via`.",
  H4: "However the bytes are cut, the result is the same.",
  // The ALPN field (RFC 7639)
  P2: "`ALPN: h2, http%2F1.1` on CONNECT: percent-encoding in upper case, only where a token needs it.",
};
