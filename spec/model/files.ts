/** `extends:` and `include:`. They are gone before anything else looks at a spec (spec/merge); here is only what they look like. */
import { byType, HOST_PATH, list, map, type Schema } from "./fragment.ts";

const NAME: Schema = { type: "string", minLength: 1, "x-expects": "a container's name" };

export const EXTENDS_SCHEMA: Schema = byType({
  string: { minLength: 1 },
  object: map({
    file: {
      title: "File",
      description: "Path from this file on, below the directory of the spec. Absent: this file.",
      ...HOST_PATH,
      examples: ["./base.yaml"],
    },
    container: {
      title: "Container",
      description: "Which one. Absent: the file is one container.",
      ...NAME,
      examples: ["web"],
    },
  }, { minProperties: 1 }),
}, {
  title: "Extends",
  description:
    "Another container, whose keys this one has too: of this file by its name, or of another by `{file, container}` or the path of a file that is one container. What is said here is merged over it (docs/files-merged.md); paths there start at their own file.",
  examples: ["web", "./base.yaml", { file: "./base.yaml", container: "web" }],
  "x-expects":
    "a container's name, the path of a file, or a map such as {file: ./base.yaml, container: web}",
});

export const INCLUDE_SCHEMA: Schema = list(
  { ...HOST_PATH, "x-expects": "a path such as ./db.yaml" },
  {
    title: "Include",
    description:
      "Files whose containers, volumes and variables are added to this file's. The same name on both sides is an error. Paths start at this file and stay below the directory of the spec.",
    examples: [["./db.yaml"]],
    "x-expects": "a list such as [./db.yaml]",
  },
);
