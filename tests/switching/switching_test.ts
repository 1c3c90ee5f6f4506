/**
 * The dialogues of upgrades and tunnels, over HTTP/1.1 and over HTTP/2: whole, byte by byte, and cut in two at every byte.
 */

import { test } from "node:test";
import { clientCases } from "./client_cases.ts";
import { ownedCases } from "./owned_cases.ts";
import type { Cut, Proposal } from "./peer.ts";
import {
  ClientScene,
  type Place,
  type Row,
  ServerScene,
  type StreamScene,
  type UnclaimedScene,
  VERSIONS,
} from "./scenes.ts";
import { serverCases } from "./server_cases.ts";
import { serverRefusalCases } from "./server_refusal_cases.ts";
import { serverTimeCases } from "./server_time_cases.ts";
import { streamCases } from "./stream_cases.ts";
import { unclaimedCases } from "./unclaimed_cases.ts";

const BOTH: readonly Proposal[] = ["upgrade", "tunnel"];

type AnyScene = ServerScene | ClientScene;

function cases<S extends AnyScene, T>(
  name: string,
  rows: readonly Row<T>[],
  open: (place: Place) => S,
  sceneOf: (scene: S) => T | Promise<T>,
): void {
  for (const { rule, hows = BOTH, options = {}, whole = false, play } of rows) {
    for (const version of VERSIONS) {
      for (const how of hows) {
        const once = async (cut: Cut) => {
          const scene = open({ version, how, cut, options });
          const played = await sceneOf(scene);
          scene.peer.begin();
          await play(played);
          await scene.ends();
          return scene.peer;
        };
        test(`${name} over HTTP/${version}, ${how}: ${rule}`, async () => {
          const { sent, edges } = await once("whole");
          const cuts: Cut[] = ["byte by byte"];
          for (let at = 1; at < sent; at++) if (!edges.has(at)) cuts.push(at);
          for (const cut of whole ? [] : cuts) {
            await once(cut).catch((cause) => {
              throw new Error(cut === "byte by byte" ? cut : `cut at ${cut}`, { cause });
            });
          }
        });
      }
    }
  }
}

for (const rows of [serverCases, serverRefusalCases, serverTimeCases, ownedCases]) {
  cases("serveConnection()", rows, ServerScene.open, (scene) => scene);
}
cases("handshake()", clientCases, ClientScene.open, (scene) => scene);

for (const [side, open] of [["a server", ServerScene.open], ["a client", ClientScene.open]] as const) {
  cases<AnyScene, StreamScene>(`Upgraded of ${side}`, streamCases, open, async (scene) => {
    const { peer, clock, how, version } = scene;
    return { peer, clock, how, version, asked: scene instanceof ClientScene, io: await scene.switched() };
  });
  cases<AnyScene, UnclaimedScene>(`onUpgrade() on ${side}`, unclaimedCases, open, async (scene) => {
    const message = await scene.unclaimed();
    await scene.handedOver();
    return { peer: scene.peer, clock: scene.clock, message };
  });
}
