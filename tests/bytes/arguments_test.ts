import { test } from "node:test";
import { assertThrows } from "@std/assert";
import { checkGiven, checkOptions, type Kinds } from "../../src/bytes/arguments.ts";

interface Options {
  readonly method?: string;
}

const kinds: Kinds<Options> = { method: "string" };

/** Options of a class as they were written before there were classes: what is inherited can be enumerated. */
function inheriting(method: unknown): Options {
  const inherited = { constructor: Object, hasOwnProperty: () => true, toString: () => "", valueOf: () => 1, method };
  return Object.create(inherited) as Options;
}

test("options may inherit what all objects have: checkGiven() and checkOptions() look at none but the options that are known", () => {
  for (const check of [checkGiven, checkOptions]) {
    check(inheriting("PUT"), kinds, "init");
    assertThrows(() => check(inheriting(1), kinds, "init"), TypeError, "init.method must be a string");
  }
});

test("what a program adds to all objects is no option and no check", () => {
  const everywhere = Object.prototype as { extend?: () => void };
  everywhere.extend = () => {
    throw new Error("called");
  };
  try {
    for (const check of [checkGiven, checkOptions]) check({ method: "PUT" }, kinds, "init");
  } finally {
    delete everywhere.extend;
  }
});
