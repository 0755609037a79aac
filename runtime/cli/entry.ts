/** Entry of the single executable: the command line alone, so that a start does not load the library. */
import { runMain } from "./main.ts";
// Not loaded by need, as the others are: what every start uses belongs into the part that every start reads.
import "./run.ts";

await runMain();
