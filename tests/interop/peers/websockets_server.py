"""The protocol of tests/support/websocket_talk.ts as a server, with Python's websockets: PORT, and "deflate" or "plain"."""

import asyncio
import http
import sys

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

port, mode = int(sys.argv[1]), sys.argv[2]
extensions = {
    "plain": [],
    "deflate": [ServerPerMessageDeflateFactory()],
    "no-context": [ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)],
    "small-windows": [ServerPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9)],
}[mode]


async def talk(socket):
    async for message in socket:
        if not isinstance(message, str) or not message.startswith("!"):
            await socket.send(message)
        elif message == "!leave":
            socket.transport.abort()
        elif message == "!ping":
            await (await socket.ping())
            await socket.send("ponged")
        elif message == "!parts":
            await socket.send(["one, ", "two, ", "thré€ 💬"])
        else:
            _, code, reason = (message + "  ").split(" ", 2)
            await socket.close(int(code or 1000), reason.strip())


async def refuse(path, headers):
    if path == "/secret" and "Authorization" not in headers:
        return http.HTTPStatus.UNAUTHORIZED, [("WWW-Authenticate", "Basic")], b"who are you?"


async def main():
    async with websockets.serve(
        talk, "127.0.0.1", port, subprotocols=["chat"], compression=None, extensions=extensions,
        process_request=refuse, max_size=2**24,
    ):
        await asyncio.Future()


asyncio.run(main())
