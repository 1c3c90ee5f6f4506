import { readFile } from "node:fs/promises";
import { after, test, type TestContext } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { type RunningChat, startChat } from "../../scripts/examples/chat/server.ts";
import { type Browser, chromium, type Page, startChromium } from "../support/chromium.ts";
import { projectFile, skipUnless } from "../support/runtime.ts";

const withChromium = { ...skipUnless(chromium !== undefined, "Chromium is not installed"), timeout: 60_000 };

/** One for the file: it takes longer to start than the tests to run. */
let started: Promise<Browser> | null = null;

after(async () => await (await started)?.[Symbol.asyncDispose]());

/** Where pages are opened. */
type Tabs = Pick<Browser, "open">;

/** A chat, and tabs that are closed when the test ends. */
async function scene(t: TestContext): Promise<{ readonly chat: RunningChat; readonly browser: Tabs }> {
  const page = await readFile(projectFile("scripts/examples/chat/page.html"), "utf8");
  const chat = await startChat({ page });
  t.after(() => chat.close());
  const browser = await (started ??= startChromium());
  const open = async (url: string): Promise<Page> => {
    const tab = await browser.open(url);
    t.after(() => tab.close().catch(() => {}));
    return tab;
  };
  return { chat, browser: { open } };
}

/** Opens a room, under a name. */
async function enter(browser: Tabs, { port }: RunningChat, room: string, name: string): Promise<Page> {
  const page = await browser.open(`http://127.0.0.1:${port}/${room}?name=${name}`);
  await shows(page, "#state", name);
  return page;
}

/** Resolves when an element's text is, or holds, what it should. */
async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const look = () => element.textContent.includes(${JSON.stringify(text)}) && resolve();
    new MutationObserver(look).observe(element, { childList: true, characterData: true, subtree: true });
    look();
  })`);
}

/** Types a line and sends it. */
async function type(page: Page, text: string): Promise<void> {
  await page.evaluate(`document.querySelector("#input").value = ${JSON.stringify(text)};
    document.querySelector("#button").click()`);
}

/** What the page shows of the talk, without the times. */
function talk(page: Page): Promise<string[]> {
  return page.evaluate(
    `[...document.querySelectorAll("#log li")].map((entry) => {
      const said = entry.querySelector("p")?.textContent;
      const speaker = entry.querySelector("b")?.textContent;
      return said === undefined ? entry.textContent : speaker === undefined ? said : speaker + ": " + said;
    })`,
  );
}

test("examples/chat: two pages in Chromium see each other's messages", withChromium, async (t) => {
  const { chat, browser } = await scene(t);
  const ada = await enter(browser, chat, "tea", "Ada");
  const bob = await enter(browser, chat, "tea", "Bob");
  await shows(ada, "#members", "Ada, Bob");
  await type(ada, "Tea?");
  await shows(bob, "#log", "Tea?");
  await type(bob, "<b>Yes</b>, with 🍋");
  await shows(ada, "#log", "🍋");
  await type(bob, "and milk");
  await shows(ada, "#log", "and milk");
  assertEquals(await talk(ada), ["Bob has joined", "Ada: Tea?", "Bob: <b>Yes</b>, with 🍋", "and milk"]);
  assertEquals(await talk(bob), ["Ada: Tea?", "Bob: <b>Yes</b>, with 🍋", "and milk"]);
  assertEquals(await ada.evaluate("document.title"), "#tea");
});

test("examples/chat: a page asks for the name, and tells when somebody closes his", withChromium, async (t) => {
  const { chat, browser } = await scene(t);
  const ada = await enter(browser, chat, "lobby", "Ada");
  const nobody = await browser.open(`http://127.0.0.1:${chat.port}/`);
  assertEquals(await nobody.evaluate("[location.pathname, input.placeholder]"), ["/lobby", "Your name"]);
  await type(nobody, "Ada");
  await shows(nobody, "#state", "Ada 2");
  await shows(ada, "#log", "Ada 2 has joined");
  await nobody.close();
  await shows(ada, "#log", "Ada 2 has left");
});

test("examples/chat: a page tells that the server goes away, and why", withChromium, async (t) => {
  const { chat, browser } = await scene(t);
  const ada = await enter(browser, chat, "lobby", "Ada");
  assertMatch(await ada.evaluate("getComputedStyle(document.body).display"), /^grid$/);
  const told = shows(ada, "#state", "The server goes away");
  // In the order of the calls: from now on the page is watched.
  await ada.evaluate("null");
  await chat.close();
  await told;
  assertEquals(await ada.evaluate("document.body.classList.contains('open')"), false);
});

test("examples/chat: a page that goes to another room leaves the one it was in", withChromium, async (t) => {
  const { chat, browser } = await scene(t);
  const ada = await enter(browser, chat, "here", "Ada");
  const bob = await enter(browser, chat, "here", "Bob");
  // In a task of its own: the call would end with the page.
  await bob.evaluate("void setTimeout(() => location.href = '/there?name=Bob')");
  await shows(ada, "#log", "Bob has left");
});
