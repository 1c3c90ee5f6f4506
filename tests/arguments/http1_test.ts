import { http1Table, proxyTable } from "./http1.ts";
import { testWrongCalls } from "./wrong.ts";

testWrongCalls(http1Table);
testWrongCalls(proxyTable);
