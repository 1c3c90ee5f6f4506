/**
 * The documents of the package: README.md and the Markdown files that it leads to.
 *
 * @module
 */

/** A link to another file of the project. */
export interface Link {
  /** As it is written, from the bracket on. */
  readonly written: string;
  /** What is to be clicked. */
  readonly text: string;
  /** The file, from the project's root. */
  readonly target: string;
  /** The heading, or empty. */
  readonly anchor: string;
}

/**
 * The relative links in a document. Those to a heading of its own are among them.
 *
 * @param path The document, from the project's root.
 * @param text What it says.
 */
export function linksIn(path: string, text: string): Link[] {
  const links: Link[] = [];
  for (const [written, text_, to] of text.matchAll(/\[([^\]]+)\]\((?!\w+:)([^)\s]+)\)/g)) {
    const url = new URL(to!, `file:///${path}`);
    links.push({ written, text: text_!, target: url.pathname.slice(1), anchor: url.hash.slice(1) });
  }
  return links;
}

/**
 * Every Markdown file to which links lead from README.md, that one first.
 *
 * @param read Gives the text of a file.
 */
export function publishedDocuments(read: (path: string) => string): string[] {
  const found = new Set(["README.md"]);
  for (const path of found) {
    for (const { target } of linksIn(path, read(path))) if (target.endsWith(".md")) found.add(target);
  }
  return [...found];
}

/**
 * A document as it stands in the package: links to files that are not in there become what they say.
 *
 * @param path The document.
 * @param text What it says.
 * @param documents What is in the package.
 */
export function withoutOutwardLinks(path: string, text: string, documents: readonly string[]): string {
  return linksIn(path, text).filter(({ target }) => !documents.includes(target))
    .reduce((rest, link) => rest.replaceAll(link.written, link.text), text);
}
