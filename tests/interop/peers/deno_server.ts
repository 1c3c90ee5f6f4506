/** The protocol of tests/support/websocket_talk.ts as a server of `Deno.serve` and `Deno.upgradeWebSocket`: PORT. */

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response("no WebSocket", { status: 426 });
  if (new URL(request.url).pathname === "/secret" && !request.headers.has("authorization")) {
    return new Response("who are you?", { status: 401, headers: { "www-authenticate": "Basic" } });
  }
  const offered = request.headers.get("sec-websocket-protocol")?.split(", ") ?? [];
  const options = offered.includes("chat") ? { protocol: "chat" } : {};
  const { socket, response } = Deno.upgradeWebSocket(request, options);
  socket.binaryType = "arraybuffer";
  socket.onerror = () => {};
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string" || !data.startsWith("!")) return socket.send(data);
    if (data === "!leave") Deno.exit(); // there is no other way to cut a connection
    const [, code, ...reason] = data.split(" ");
    if (code === undefined) socket.close();
    else socket.close(Number(code), reason.join(" "));
  };
  return response;
});
