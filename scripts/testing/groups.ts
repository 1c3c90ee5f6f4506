/**
 * Which test files share a process. To start one takes longer than most files do; those that touch nothing but their own
 * objects, no socket, no process and no clock of the system, do not need one each.
 *
 * @module
 */

/** Folders whose files may share; in `src/`, the examples of doc comments. */
const sharing: readonly string[] = [
  "src/",
  "tests/arguments/",
  "tests/bytes/",
  "tests/duplex/",
  "tests/http1/",
  "tests/semantics/",
  "tests/websocket/machine/",
];

/** Files in there that may not: they open sockets. */
const alone = /_tcp_test\.ts$/;

/** A group that is too large keeps one core waiting for it at the end, and says less of where it hangs. */
const FILES_IN_A_GROUP = 12;

/** Puts files together, each into one group; those of a group are of one folder. */
export function grouped(files: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  const open = new Map<string, string[]>();
  for (const file of files) {
    const folder = file.slice(0, file.lastIndexOf("/") + 1);
    const shares = sharing.some((path) => file.startsWith(path)) && !alone.test(file);
    let group = shares ? open.get(folder) : undefined;
    if (group === undefined || group.length >= FILES_IN_A_GROUP) {
      groups.push(group = []);
      if (shares) open.set(folder, group);
    }
    group.push(file);
  }
  return groups;
}

/** What to call a group in front of people. */
export function titleOf(group: readonly string[]): string {
  if (group.length === 1) return group[0]!;
  const names = group.map((file) => file.slice(file.lastIndexOf("/") + 1).replace(/_test\.ts$/, ""));
  return `${group[0]!.slice(0, group[0]!.lastIndexOf("/") + 1)} (${names.join(", ")})`;
}
