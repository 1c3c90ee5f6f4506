import { http2Only } from "./http2.ts";
import { testWrongCalls } from "./wrong.ts";

testWrongCalls(http2Only);
