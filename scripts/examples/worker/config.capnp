# `workerd serve config.capnp`, beside worker.js: the bundle of worker.ts.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      # The first date with the constructors of streams.
      compatibilityDate = "2022-11-30",
      globalOutbound = "network",
    )),
    # Everywhere, this machine included.
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "worker")],
);
