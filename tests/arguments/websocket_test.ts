import { webSocketTable } from "./websocket.ts";
import { testWrongCalls } from "./wrong.ts";

testWrongCalls(webSocketTable);
