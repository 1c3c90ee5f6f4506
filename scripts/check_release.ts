/**
 * Refuses to publish what is not what the tag says: `deno run --allow-read scripts/check_release.ts v1.2.3`.
 *
 * @module
 */

import { projectRoot } from "./testing/project.ts";

const [tag = ""] = Deno.args;
const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as { version: string };
const changelog = await Deno.readTextFile(new URL("CHANGELOG.md", projectRoot));

const problems = [
  ...(tag === `v${version}` ? [] : [`the tag is ${tag || "missing"}, deno.json says ${version}`]),
  ...(changelog.includes(`\n## [${version}] - `) ? [] : [`CHANGELOG.md has no "## [${version}] - year-month-day"`]),
];
for (const problem of problems) console.error(problem);
Deno.exit(problems.length === 0 ? 0 : 1);
