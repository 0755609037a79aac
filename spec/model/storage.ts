import { ABSOLUTE_PATH, HOST_PATH, list, map, type Schema } from "./fragment.ts";
import { MODE } from "./mode.ts";

export const INPUTS_SCHEMA: Schema = list(
  map({
    from: {
      title: "From",
      description: "A path of the host.",
      ...HOST_PATH,
      examples: ["./site.mk"],
    },
    to: {
      title: "To",
      description: "A path in the container.",
      ...ABSOLUTE_PATH,
      examples: ["/build/Makefile"],
    },
    mode: MODE,
  }, { required: ["from", "to"] }),
  {
    title: "Inputs",
    description:
      "Files and directories of the host, copied in before the first command. They belong to the user of the commands; " +
      "`to` with a `/` at its end is the directory that they go into. Without a writable place there it is an error.",
    examples: [[{ from: "./site.mk", to: "/build/Makefile", mode: "0644" }]],
    "x-expects": "a list such as [{from: ./a, to: /b}]",
  },
);

export const OUTPUTS_SCHEMA: Schema = list(
  map({
    from: {
      title: "From",
      description: "A path in the container.",
      ...ABSOLUTE_PATH,
      examples: ["/build/dist"],
    },
    to: { title: "To", description: "A path of the host.", ...HOST_PATH, examples: ["./dist"] },
    mode: MODE,
    when: {
      title: "When",
      description: "Only after success, or always.",
      enum: ["success", "always"],
      default: "success",
      examples: ["always"],
    },
  }, { required: ["from", "to"] }),
  {
    title: "Outputs",
    description:
      "Copied out after the last command, whole or not at all; they belong to the owner of the directory they are written to.",
    examples: [[{ from: "/build/dist", to: "./dist" }]],
    "x-expects": "a list such as [{from: /build/dist, to: ./dist}]",
  },
);
