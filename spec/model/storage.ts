import { ABSOLUTE_PATH, HOST_PATH, list, map, notYet, type Schema } from "./fragment.ts";
import { MODE } from "./mode.ts";

const INSTEAD = "What works: a layer of rootfs: {dir: ./src, at: /src}.";

export const INPUTS_SCHEMA: Schema = notYet(
  list(
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
      description: "Copied in before the first command.",
      examples: [[{ from: "./site.mk", to: "/build/Makefile", mode: "0644" }]],
      "x-expects": "a list such as [{from: ./a, to: /b}]",
    },
  ),
  INSTEAD,
);

export const OUTPUTS_SCHEMA: Schema = notYet(
  list(
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
        "Copied out after the last command; they belong to the owner of the directory they are written to.",
      examples: [[{ from: "/build/dist", to: "./dist" }]],
      "x-expects": "a list such as [{from: /build/dist, to: ./dist}]",
    },
  ),
  "What works: write to standard output.",
);
