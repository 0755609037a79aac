import { type Context, type Part, resolveHostPath } from "./context.ts";
import type { DesiredImage } from "./desired.ts";
import type { Schema } from "./fragment.ts";
import { notYetProblem } from "./not_yet.ts";

export const IMAGE_SCHEMA: Schema = {
  title: "Image",
  description:
    "An image that lies here: `./img` (a directory with an OCI layout, an archive of one, or what `docker save` wrote), or by its kind `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME:TAG]`. References of registries are for later.",
  type: "string",
  minLength: 1,
  examples: ["./img", "oci:./img:latest"],
  "x-expects": "an image such as ./img or oci:./img:latest",
};

const FORMS = /^(oci|oci-archive|docker-archive):([^:]+)(?::(.+))?$/s;

/** A path, or a form of containers-transports(5); anything else is a registry's, which is refused by name. */
export function readImage(context: Context, { value, pointer }: Part<string>): DesiredImage {
  const parts = FORMS.exec(value);
  if (parts !== null) {
    const [, form, path = "", reference] = parts;
    return {
      form: form as DesiredImage["form"],
      path: resolveHostPath(context, { value: path, pointer }),
      ...(reference === undefined ? {} : { reference }),
    };
  }
  if (/^\.{0,2}\//.test(value) || value === "." || value === "..") {
    return { form: "path", path: resolveHostPath(context, { value, pointer }) };
  }
  context.report(notYetProblem(pointer, {
    value,
    instead:
      `What works: an image that lies here; get it by \`skopeo copy docker://${value} oci:./img\` and say image: ./img.`,
  }));
  return { form: "path", path: "/" };
}
