import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { projectFile, runtimeName, skipUnless, spawn } from "./support/runtime.ts";

const { version } = JSON.parse(readFileSync(projectFile("deno.json"), "utf8"));
const changelog = readFileSync(projectFile("CHANGELOG.md"), "utf8");
const denoOnly = skipUnless(runtimeName === "deno", "the scripts run on Deno");

function run(script: string, ...args: string[]): Promise<{ code: number | null; stderr: string }> {
  return spawn(process.execPath, ["run", "-A", "--quiet", projectFile(script), ...args]);
}

test("check_release.ts refuses a tag that deno.json does not say", denoOnly, async () => {
  const { code, stderr } = await run("scripts/check_release.ts", "v999.0.0");
  assertEquals(code, 1);
  assertMatch(stderr, new RegExp(`the tag is v999\\.0\\.0, deno\\.json says ${version}`));
});

test("check_release.ts wants the version in the changelog", denoOnly, async () => {
  const { code } = await run("scripts/check_release.ts", `v${version}`);
  assertEquals(code, changelog.includes(`\n## [${version}] - `) ? 0 : 1);
});

test("build_npm.ts refuses what it does not know, and folders that it must not empty", denoOnly, async () => {
  for (const argument of ["--with=tsc", "--out=src", "--out=.cache/../src", "--out="]) {
    const { code, stderr } = await run("scripts/build_npm.ts", argument);
    assertEquals([code, stderr.includes(`not ${argument}`)], [2, true], `${argument}: ${stderr}`);
  }
});

test("CHANGELOG.md has the sections of Keep a Changelog, newest first", () => {
  const titles = [...changelog.matchAll(/^## (.+)$/gm)].map(([, title]) => title!);
  assertEquals(titles[0], "[Unreleased]");
  for (const title of titles.slice(1)) assertMatch(title, /^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/);
  for (const [, kind] of changelog.matchAll(/^### (.+)$/gm)) {
    assertMatch(kind!, /^(?:Added|Changed|Deprecated|Removed|Fixed|Security)$/);
  }
});

test("the workflow publishes from a tag, after the checks, with provenance for both registries", () => {
  const workflow = readFileSync(projectFile(".github/workflows/ci.yml"), "utf8");
  const publish = workflow.slice(workflow.indexOf("\n  publish:"));
  assertMatch(publish, /if: startsWith\(github\.ref, 'refs\/tags\/v'\)/);
  assertMatch(publish, /needs: \[check, test\]/);
  assertMatch(publish, /id-token: write/);
  assertMatch(publish, /check_release\.ts[\s\S]*--with=dnt[\s\S]*deno publish[\s\S]*npm publish \.\/npm --provenance/);
});
