/**
 * What was measured, as a picture: a bar for each ratio with its spread, and a line at 1.
 *
 * @module
 */

import type { Row, Spread } from "./report.ts";

/** The rows of one runtime. */
export interface Panel {
  readonly title: string;
  readonly rows: readonly Row[];
}

const WIDTH = 960;
const LABEL_WIDTH = 520;
const VALUE_WIDTH = 60;
const LINE_HEIGHT = 20;
const BAR_HEIGHT = 10;
const HEAD_HEIGHT = 40;
/** A ratio of 1 is in the middle; the scale is logarithmic, so that twice and half are as long. */
const LEAST_RATIO = 1 / 4;
const MOST_RATIO = 4;

/** Readable on light and on dark pages. */
const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .faster { fill: #1a7f37; } .slower { fill: #bf5700; }
  .spread { stroke: #57606a; stroke-width: 1; } .even { stroke: #57606a; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .faster { fill: #3fb950; } .slower { fill: #f0883e; }
    .spread, .even { stroke: #9198a1; }
  }`;

/**
 * Draws the ratios by CPU time, which depend least on what else a machine does.
 *
 * @returns An SVG document.
 */
export function picture(panels: readonly Panel[], caption: string): string {
  const parts: string[] = [];
  let y = HEAD_HEIGHT;
  parts.push(text(12, 24, caption, "title"));
  for (const { title, rows } of panels) {
    parts.push(text(12, y + 16, title, "title"));
    y += LINE_HEIGHT + 8;
    const top = y;
    for (const row of rows) {
      parts.push(bar(y, label(row), row.cpuRatio));
      y += LINE_HEIGHT;
    }
    parts.push(line(xOf(1), top - 4, xOf(1), y, "even"));
    y += 16;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}">` +
    `<style>${style}</style>${parts.join("\n")}</svg>\n`;
}

function label({ title, contender, peer }: Row): string {
  return `${title}: ${contender} ÷ ${peer}`;
}

function bar(y: number, title: string, { median, low, high }: Spread): string {
  const middle = y + LINE_HEIGHT / 2;
  const from = Math.min(xOf(median), xOf(1));
  const width = Math.abs(xOf(median) - xOf(1));
  return [
    text(12, middle + 4, title.length > 86 ? `${title.slice(0, 85)}…` : title),
    `<rect class="${median >= 1 ? "faster" : "slower"}" x="${from.toFixed(1)}" y="${middle - BAR_HEIGHT / 2}" ` +
    `width="${Math.max(width, 1).toFixed(1)}" height="${BAR_HEIGHT}"/>`,
    line(xOf(low), middle, xOf(high), middle, "spread"),
    text(WIDTH - VALUE_WIDTH + 8, middle + 4, `${median.toFixed(2)}×`),
  ].join("");
}

function xOf(ratio: number): number {
  const width = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const bounded = Math.min(Math.max(ratio, LEAST_RATIO), MOST_RATIO);
  return LABEL_WIDTH + width * Math.log(bounded / LEAST_RATIO) / Math.log(MOST_RATIO / LEAST_RATIO);
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}"/>`;
}

function text(x: number, y: number, content: string, kind = ""): string {
  const escaped = content.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<text x="${x}" y="${y}"${kind === "" ? "" : ` class="${kind}"`}>${escaped}</text>`;
}
