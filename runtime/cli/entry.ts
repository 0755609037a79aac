/** Entry of the single executable: the command line alone, so that a start does not load the library. */
import { runMain } from "./main.ts";

await runMain();
