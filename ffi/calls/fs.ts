/** All calls on files in one place: the files of this folder that end in descriptors, bytes, paths and questions. */
export * from "./io.ts";
export * from "./open.ts";
export * from "./path.ts";
export * from "./stat.ts";
