/**
 * Which test files share a process. To start one, and to load what nearly all of them import, takes longer than most files
 * do. They run one after the other, and each leaves the process as it was; those that cannot are listed here.
 *
 * @module
 */

/** Files and folders with a process for each file, and why. */
const alone: readonly string[] = [
  // They have hooks for the whole process.
  "tests/conformance/",
  "tests/interop/websocket_chromium_test.ts",
  "tests/examples/chat_pages_test.ts",
  // They wait for programs most of the time, and can do so side by side.
  "tests/examples/websocket_client_test.ts",
  "tests/examples/worker_test.ts",
  "tests/npm/",
  // They look at what the whole process has open, has loaded, or has in memory.
  "tests/http/client/client_churn_test.ts",
  "tests/net/loading_test.ts",
  "tests/http1/switch_refused_test.ts",
  "tests/websocket/delivery_test.ts",
  "tests/bytes/memory_pool_test.ts",
];

/** A group that is too large keeps one core waiting for it at the end, and says less of where it hangs. */
const FILES_IN_A_GROUP = 16;

/** Puts files together, each into one group, neighbours with neighbours. The groups are equally large, and come first. */
export function grouped(files: readonly string[]): readonly (readonly string[])[] {
  const isAlone = (file: string): boolean => alone.some((path) => file.startsWith(path));
  const sharing = files.filter((file) => !isAlone(file));
  const size = Math.ceil(sharing.length / Math.ceil(sharing.length / FILES_IN_A_GROUP));
  const groups: string[][] = [];
  for (let at = 0; at < sharing.length; at += size) groups.push(sharing.slice(at, at + size));
  return [...groups, ...files.filter(isAlone).map((file) => [file])];
}

/** What to call a group in front of people: `tests/http1/ turns, machine/fuzz, tests/interop/ curl_proxy`. */
export function titleOf(group: readonly string[]): string {
  if (group.length === 1) return group[0]!;
  let folder = "";
  const names = group.map((file) => {
    const [top, own] = [folderOf(file), file.slice(folderOf(file).length).replace(/(?:_test)?\.ts$/, "")];
    const name = top === folder ? own : `${top} ${own}`;
    folder = top;
    return name;
  });
  return names.join(", ");
}

/** The folder in `tests/` or `src/`. */
function folderOf(file: string): string {
  return /^(?:\w+\/){0,2}/.exec(file)![0];
}
