import { ownTable } from "./main.ts";
import { testWrongCalls } from "./wrong.ts";

testWrongCalls(ownTable);
