/**
 * Where the project is and what is in it.
 *
 * @module
 */

/** The project's folder, with a slash at the end. */
export const projectRoot: URL = new URL("../../", import.meta.url);

/**
 * Finds files by the end of their name.
 *
 * @param folder From the project's root, without a slash at the end. A missing folder has no files.
 * @param suffix For example `_test.ts`.
 * @returns Sorted paths from the project's root.
 */
export async function filesIn(folder: string, suffix: string): Promise<string[]> {
  const found: string[] = [];
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    try {
      for await (const entry of Deno.readDir(new URL(`${path}/`, projectRoot))) {
        if (entry.isDirectory) pending.push(`${path}/${entry.name}`);
        else if (entry.name.endsWith(suffix)) found.push(`${path}/${entry.name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found.sort();
}

/**
 * Tells whether a path exists.
 *
 * @param path From the project's root.
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, projectRoot));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The entry points as `deno.json` declares them: modules by sub-path. */
export async function exportsOf(): Promise<Record<string, string>> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as {
    readonly exports: Record<string, string>;
  };
  return config.exports;
}
