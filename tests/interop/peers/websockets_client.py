"""Goes through the protocol of tests/support/websocket_talk.ts with Python's websockets: URL and the kind of compression.

Ends with 0 and the line "ok", or with an exception.
"""

import asyncio
import os
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

url, mode = sys.argv[1], sys.argv[2]
factories = {
    "plain": [],
    "deflate": [ClientPerMessageDeflateFactory(client_max_window_bits=True)],
    "no-context": [ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)],
    "full-window": [ClientPerMessageDeflateFactory(server_max_window_bits=15, client_max_window_bits=True)],
    "small-windows": [ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9)],
}


def connect(path="/", **options):
    return websockets.connect(
        url + path, subprotocols=["soap", "chat"], compression=None, extensions=factories[mode], max_size=2**24,
        **options,
    )


async def closed_by_server(command):
    async with connect() as socket:
        await socket.send(command)
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            return socket.close_code, socket.close_reason, type(closed).__name__


async def main():
    async with connect() as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        assert len(socket.extensions) == len(factories[mode]), socket.extensions
        for size in [0, 1, 125, 126, 127, 65535, 65536, 300000] + ([1048576] if mode == "plain" else []):
            for message in ["é" * size, bytes(size), os.urandom(size)]:
                await socket.send(message)
                assert await socket.recv() == message, size
        await socket.send(["one, ", "two, ", "thré€ 💬"])
        assert await socket.recv() == "one, two, thré€ 💬"
        await socket.send([bytes(70000), os.urandom(70000)])
        assert len(await socket.recv()) == 140000
        messages = [f"{i} " + "x" * i * 10 for i in range(200)]
        for message in messages:
            await socket.send(message)
        assert [await socket.recv() for _ in messages] == messages
        await (await socket.ping())
        await socket.send("!ping")
        assert await socket.recv() == "ponged"
        await socket.send("!parts")
        assert await socket.recv() == "one, two, thré€ 💬"
        await socket.close(3001, "bye")
        assert (socket.close_code, socket.close_reason) == (3001, ""), (socket.close_code, socket.close_reason)
    assert await closed_by_server("!close 4001 so bé it") == (4001, "so bé it", "ConnectionClosedError")
    assert await closed_by_server("!close") == (1005, "", "ConnectionClosedError")
    assert (await closed_by_server("!leave"))[0] == 1006
    try:
        async with connect("/secret"):
            raise AssertionError("not refused")
    except websockets.InvalidStatusCode as refused:
        assert refused.status_code == 401, refused
        assert refused.headers["WWW-Authenticate"] == "Basic"
    async with connect("/secret", extra_headers={"Authorization": "Basic dTpw"}):
        pass
    print("ok")


asyncio.run(main())
