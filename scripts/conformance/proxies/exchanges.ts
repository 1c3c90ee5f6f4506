/**
 * Exchanges that a reverse proxy must pass unharmed: what the client sends, what the server must get, what the server
 * answers, what the client must get. Bodies are compared without their framing, heads byte for byte.
 *
 * @module
 */

/** One exchange; `¶` is CR LF. What is left out is the plainest there is. */
export interface ProxyExchange {
  /** What must pass. */
  readonly title: string;
  /** The clause that says so. */
  readonly clause: string;
  /** What the client sends. */
  readonly request?: string;
  /** The head that the server must get, without Via; that of the request if left out. */
  readonly onward?: string;
  /** The body that the server must get, and the trailers; those of the request if left out. */
  readonly content?: { readonly body: string; readonly trailers?: string };
  /** What the server answers. */
  readonly response?: string;
  /** What the client must get; the head of the response if left out. */
  readonly answer?: string;
  /** The body that the client must get, and the trailers. */
  readonly answered?: { readonly body: string; readonly trailers?: string };
  /** Whether the server ends its side behind its answer. */
  readonly ends?: boolean;
}

/** The plainest request. */
export const REQUEST = "GET / HTTP/1.1¶Host: a¶¶";
/** The plainest response. */
export const RESPONSE = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

const TARGET = "RFC 9112 §3.2";
const METHOD = "RFC 9110 §9.1";
const FIELDS = "RFC 9110 §5.3";
const HOP = "RFC 9110 §7.6.1";
const BODY = "RFC 9112 §6.3";
const TRAILERS = "RFC 9110 §6.5";
const STATUS = "RFC 9110 §15";
const BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join("").replaceAll("¶", "");
const LONG = "x".repeat(6000);
const MEGABYTE = "0123456789abcdef".repeat(65_536);

function target(title: string, text: string): ProxyExchange {
  return { title, clause: TARGET, request: `GET ${text} HTTP/1.1¶Host: a¶¶` };
}

function method(title: string, line: string, body = ""): ProxyExchange {
  const length = body === "" ? "" : `Content-Length: ${body.length}¶`;
  return { title, clause: METHOD, request: `${line} HTTP/1.1¶Host: a¶${length}¶${body}` };
}

function asked(title: string, lines: string, clause = FIELDS, onward?: string): ProxyExchange {
  const head = (text: string): string => `GET / HTTP/1.1¶Host: a¶${text}¶`;
  return { title, clause, request: head(lines), ...(onward === undefined ? {} : { onward: head(onward) }) };
}

function told(title: string, lines: string, clause = FIELDS, answer?: string): ProxyExchange {
  const head = (text: string): string => `HTTP/1.1 200 OK¶${text}Content-Length: 2¶¶`;
  const response = `${head(lines)}ok`;
  return { title, clause, response, ...(answer === undefined ? {} : { answer: head(answer) }) };
}

function status(title: string, line: string, rest = "Content-Length: 2¶¶ok"): ProxyExchange {
  return { title, clause: STATUS, response: `HTTP/1.1 ${line}¶${rest}` };
}

/** All of them. */
export const exchanges: readonly ProxyExchange[] = [
  { title: "a plain request, with nothing invented", clause: HOP },
  target("dot segments", "/a/../b/./c/.."),
  target("encoded dots, in both cases", "/%2e/%2E%2e/a"),
  target("slashes in a row", "//a///b//"),
  target("a backslash", "/a\\b\\..\\c"),
  target("an empty query", "/a?"),
  target("question marks in a query", "/a?b?c=d&&e==?"),
  target("encoded delimiters, in both cases", "/a%2fb%2Fc%3f%3F%23"),
  target("percent signs that encode nothing", "/a%zz%"),
  target("reserved characters", "/;a=b,c@d:e!$&'()*+~"),
  target("characters that a URL class would encode", '/a|b{c}"d"^e`f<g>'),
  target("a long target", `/${LONG}`),
  { title: "an asterisk", clause: "RFC 9112 §3.2.4", request: "OPTIONS * HTTP/1.1¶Host: a¶¶" },
  {
    title: "absolute-form becomes origin-form, its host counts",
    clause: "RFC 9112 §3.2.2",
    request: "GET http://a.example/%2e/?x HTTP/1.1¶Host: a.example¶¶",
    onward: "GET /%2e/?x HTTP/1.1¶Host: a.example¶¶",
  },
  {
    title: "absolute-form without a path",
    clause: "RFC 9112 §3.2.1",
    request: "GET http://a.example?x HTTP/1.1¶Host: a.example¶¶",
    onward: "GET /?x HTTP/1.1¶Host: a.example¶¶",
  },
  method("PATCH with a body", "PATCH /a", "hello"),
  method("DELETE with a body", "DELETE /a", "hello"),
  method("GET with a body", "GET /a", "hello"),
  method("PROPFIND with a body", "PROPFIND /a", "<a/>"),
  method("QUERY with a body", "QUERY /a", "q"),
  method("a method of somebody's own", "X-PURGE /a"),
  method("a method in lower case", "get /a"),
  method("OPTIONS", "OPTIONS /a"),
  {
    title: "HEAD, and the length of what GET would get",
    clause: "RFC 9110 §9.3.2",
    request: "HEAD / HTTP/1.1¶Host: a¶¶",
    response: "HTTP/1.1 200 OK¶Content-Length: 1234¶¶",
  },
  {
    title: "HEAD without a length",
    clause: "RFC 9110 §9.3.2",
    request: "HEAD / HTTP/1.1¶Host: a¶¶",
    response: "HTTP/1.1 200 OK¶X-Tag: 1¶¶",
  },
  asked("order and spelling of a request's fields", "X-B: 1¶x-a: 2¶ACCEPT: 3¶uSER-aGENT: 4¶Cookie: 5¶"),
  asked("lines of one name stay apart", "X-A: 1¶X-B: 2¶x-a: 3¶X-A: 4¶"),
  asked("bytes above ASCII in a value", "X-A: caf\xe9 \xff¶"),
  asked("an empty value", "X-A:¶X-B: 1¶"),
  asked("white space and commas within a value", 'X-A: a  b\t c , ,d;"e\\"f, g"¶'),
  asked("a long value", `X-A: ${LONG}¶`),
  asked("a hundred fields", Array.from({ length: 90 }, (_, i) => `X-${i}: ${i}¶`).join("")),
  asked("several Cookie lines", "Cookie: a=1¶Cookie: b=2¶", "RFC 6265 §5.4"),
  asked("Authorization, ranges and conditions", 'Authorization: Basic eDp5¶Range: bytes=1-2¶If-None-Match: "a"¶'),
  asked("codings that the client takes", "Accept-Encoding: br;q=1.0, gzip;q=0.5, *;q=0¶"),
  asked("what Connection names stays behind", "Connection: X-Hop, keep-alive¶X-Hop: 1¶X-Other: 2¶", HOP, "X-Other: 2¶"),
  asked("Keep-Alive and Proxy-Connection stay behind", "Keep-Alive: timeout=5¶Proxy-Connection: keep-alive¶", HOP, ""),
  asked(
    "TE: trailers goes on, other codings do not",
    "TE: gzip, trailers¶Connection: TE¶",
    "RFC 9110 §10.1.4",
    "TE: trailers¶Connection: TE¶",
  ),
  asked("Upgrade that Connection does not name", "Upgrade: websocket¶", "RFC 9110 §7.8", ""),
  asked("Connection cannot take Host or the length away", "Connection: host, content-length¶", HOP, ""),
  {
    title: "Via of hops before is kept",
    clause: "RFC 9110 §7.6.3",
    request: "GET / HTTP/1.1¶Host: a¶Via: 1.0 fred, 1.1 nowhere.com (Apache/1.1)¶¶",
  },
  {
    title: "Max-Forwards counts down for OPTIONS",
    clause: "RFC 9110 §7.6.2",
    request: "OPTIONS / HTTP/1.1¶Host: a¶Max-Forwards: 5¶¶",
    onward: "OPTIONS / HTTP/1.1¶Host: a¶Max-Forwards: 4¶¶",
  },
  asked("Max-Forwards means nothing for GET", "Max-Forwards: 5¶", "RFC 9110 §7.6.2"),
  told("order and spelling of a response's fields", 'x-b: 1¶X-A: 2¶SERVER: 3¶eTag: "4"¶X-a: 5¶'),
  told("several Set-Cookie lines", "Set-Cookie: a=1; Path=/; Expires=Wed, 09 Jun 2031 10:18:14 GMT¶set-cookie: b=2¶"),
  told("bytes above ASCII in a response", "X-A: caf\xe9 \xff¶"),
  told("Date and Server are the server's", "Date: Sun, 06 Nov 1994 08:49:37 GMT¶Server: x/1¶"),
  told("Location is not touched", "Location: http://backend.example/a?b¶"),
  told("what Connection names stays behind, also here", "Connection: X-Hop¶X-Hop: 1¶X-Other: 2¶", HOP, "X-Other: 2¶"),
  told("Keep-Alive of the server stays behind", "Keep-Alive: timeout=5¶", HOP, ""),
  told("Upgrade that a server advertises stays behind", "Upgrade: h2,h2c¶Connection: Upgrade¶", HOP, ""),
  told("a coded body is not decoded", "Content-Encoding: gzip¶", "RFC 9110 §7.7"),
  status("404 with a body", "404 Not Found"),
  status("500 with a body", "500 Internal Server Error"),
  status("a reason of somebody's own", "200 All is well"),
  status("no reason", "200 "),
  status("a status that is not registered", "299 Odd"),
  status("a status above 599", "999 Request denied"),
  status("206 with its range", "206 Partial Content", "Content-Range: bytes 0-1/9¶Content-Length: 2¶¶ok"),
  status("a redirect", "307 Temporary Redirect", "Location: /b¶Content-Length: 0¶¶"),
  status("204", "204 No Content", "X-A: 1¶¶"),
  status("205", "205 Reset Content", "Content-Length: 0¶¶"),
  status("304 with the length of what it is about", "304 Not Modified", 'ETag: "a"¶Content-Length: 1234¶¶'),
  {
    title: "a length of 0",
    clause: BODY,
    request: "POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶",
    response: "HTTP/1.1 200 OK¶Content-Length: 0¶¶",
  },
  {
    title: "every byte there is, both ways",
    clause: BODY,
    request: `POST / HTTP/1.1¶Host: a¶Content-Length: ${BYTES.length}¶¶${BYTES}`,
    response: `HTTP/1.1 200 OK¶Content-Length: ${BYTES.length}¶¶${BYTES}`,
  },
  {
    title: "a megabyte, both ways",
    clause: BODY,
    request: `POST / HTTP/1.1¶Host: a¶Content-Length: ${MEGABYTE.length}¶¶${MEGABYTE}`,
    response: `HTTP/1.1 200 OK¶Content-Length: ${MEGABYTE.length}¶¶${MEGABYTE}`,
  },
  {
    title: "chunks, both ways",
    clause: "RFC 9112 §7.1",
    request: "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶1;a=b¶!¶0¶¶",
    content: { body: "hello!" },
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶3¶wor¶2¶ld¶0¶¶",
    answered: { body: "world" },
  },
  {
    title: "chunks with GET",
    clause: "RFC 9112 §7.1",
    request: "GET / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
    content: { body: "hello" },
  },
  {
    title: "announced trailers of a request",
    clause: TRAILERS,
    request: "POST / HTTP/1.1¶Host: a¶Trailer: Digest¶Transfer-Encoding: chunked¶¶5¶hello¶0¶Digest: x=y¶¶",
    content: { body: "hello", trailers: "Digest: x=y¶" },
  },
  {
    title: "trailers of a request that nothing announced",
    clause: TRAILERS,
    request: "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 1¶x-Other: 2¶¶",
    content: { body: "hello", trailers: "X-Sum: 1¶x-Other: 2¶" },
  },
  {
    title: "announced trailers of a response",
    clause: TRAILERS,
    request: "GET / HTTP/1.1¶Host: a¶TE: trailers¶Connection: TE¶¶",
    response: "HTTP/1.1 200 OK¶Trailer: grpc-status¶Transfer-Encoding: chunked¶¶5¶hello¶0¶grpc-status: 0¶¶",
    answered: { body: "hello", trailers: "grpc-status: 0¶" },
  },
  {
    title: "trailers of a response that nothing announced",
    clause: TRAILERS,
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 1¶¶",
    answered: { body: "hello", trailers: "X-Sum: 1¶" },
  },
  {
    title: "trailers behind no body",
    clause: TRAILERS,
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶0¶grpc-status: 5¶¶",
    answered: { body: "", trailers: "grpc-status: 5¶" },
  },
  {
    title: "a body that ends with its connection",
    clause: BODY,
    response: "HTTP/1.1 200 OK¶X-A: 1¶¶hello",
    answer: "HTTP/1.1 200 OK¶X-A: 1¶transfer-encoding: chunked¶¶",
    answered: { body: "hello" },
    ends: true,
  },
  {
    title: "an HTTP/1.0 client gets no chunks",
    clause: "RFC 9112 §7.1",
    request: "GET / HTTP/1.0¶Host: a¶¶",
    onward: "GET / HTTP/1.1¶Host: a¶¶",
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
    answer: "HTTP/1.0 200 OK¶¶",
    answered: { body: "hello" },
  },
  {
    title: "an HTTP/1.0 client is kept where it wants that",
    clause: "RFC 9112 §9.3",
    request: "GET / HTTP/1.0¶Host: a¶Connection: keep-alive¶¶",
    onward: "GET / HTTP/1.1¶Host: a¶¶",
    answer: "HTTP/1.0 200 OK¶Content-Length: 2¶connection: keep-alive¶¶",
  },
  {
    title: "an HTTP/1.0 server",
    clause: "RFC 9110 §6.2",
    response: "HTTP/1.0 200 OK¶X-A: 1¶¶hello",
    answer: "HTTP/1.1 200 OK¶X-A: 1¶transfer-encoding: chunked¶¶",
    answered: { body: "hello" },
    ends: true,
  },
  {
    title: "early hints (103)",
    clause: "RFC 8297 §2",
    response: "HTTP/1.1 103 Early Hints¶Link: </a>; rel=preload¶¶" + RESPONSE,
    answered: { body: "ok" },
  },
  {
    title: "several 1xx before the response",
    clause: "RFC 9110 §15.2",
    response: "HTTP/1.1 102 Processing¶¶HTTP/1.1 103 Early Hints¶link: </a>¶LINK: </b>¶¶" + RESPONSE,
    answered: { body: "ok" },
  },
  {
    title: "an HTTP/1.0 client gets no 1xx",
    clause: "RFC 9110 §15.2",
    request: "GET / HTTP/1.0¶Host: a¶¶",
    onward: "GET / HTTP/1.1¶Host: a¶¶",
    response: "HTTP/1.1 103 Early Hints¶Link: </a>¶¶" + RESPONSE,
    answer: "HTTP/1.0 200 OK¶Content-Length: 2¶¶",
    answered: { body: "ok" },
  },
];
