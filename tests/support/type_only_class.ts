/** What no entry may do: `Fields` is a class, and there is no such value in this module. */

export type { Fields } from "../../src/semantics/fields.ts";
