/**
 * What a receiver does when it is called while it is at work.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Wire } from "../../src/duplex/wire.ts";
import { WebSocketMachine } from "../../src/websocket/machine/web_socket_machine.ts";
import type { Inflation } from "../../src/websocket/compression.ts";
import { MessageReceiver } from "../../src/websocket/message_receiver.ts";
import { bytesOf, closePayload, OPCODES, toward } from "../support/frames.ts";
import { joined } from "../support/switching.ts";

test("a message that is being inflated comes before the Close behind it, whoever asks meanwhile (RFC 6455 §5.5.1) [W16]", async () => {
  const machine = new WebSocketMachine({ role: "server", mayCompress: true });
  machine.receive(joined(
    toward("server", { opcode: OPCODES.text, rsv: 4, payload: "compressed" }),
    toward("server", { opcode: OPCODES.close, payload: closePayload(1000) }),
  ));
  const inflation = {
    inflate(): Uint8Array {
      receiver.mayWait(1000);
      return bytesOf("inflated");
    },
  };
  const receiver: MessageReceiver = new MessageReceiver(machine, {} as Wire, inflation as unknown as Inflation, {
    onChunk() {},
    onControl: () => receiver.end("ended"),
    onEof() {},
    onFailure(error) {
      throw error;
    },
  }, "string");
  const first = receiver.read();
  receiver.pump();
  assertEquals([await first, await receiver.read()], ["inflated", null]);
});
