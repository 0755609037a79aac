/** Takes back what a test put into the store of layers. */
import { readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { removeLayer } from "../../runtime/image/collect.ts";
import { dataDirectory } from "../../runtime/lifecycle/data.ts";
import { REPOSITORY } from "./cli.ts";
import { getuid } from "../../ffi/linux/file.ts";

/** `using _store = storeWithout(diffIds);`: afterwards none of these layers is there that no other test has, and nothing that names them. */
export function storeWithout(diffIds: readonly string[]): Disposable {
  const data = dataDirectory(process.env, getuid());
  return {
    [Symbol.dispose]() {
      for (const diffId of diffIds) {
        removeLayer(data, diffId);
        rmSync(`${data}/locks/${diffId.replace(":", "-")}`, { force: true });
      }
      for (const name of listed(`${data}/archives`)) {
        const path = `${data}/archives/${name}`;
        const { diffId } = JSON.parse(readFileSync(path, "utf8")) as { diffId: string };
        if (!diffIds.includes(diffId)) continue;
        rmSync(path, { force: true });
        rmSync(`${data}/locks/${name}`, { force: true });
      }
      for (const name of listed(`${data}/uses`)) {
        const path = `${data}/uses/${name}`;
        const { layers } = JSON.parse(readFileSync(path, "utf8")) as { layers: readonly string[] };
        if (layers.some((one) => diffIds.includes(one))) rmSync(path, { force: true });
      }
      for (const name of ["layers", "archives", "locks", "uses", ""]) {
        removeEmpty(`${data}/${name}`);
      }
    },
  };
}

/** Layers of examples/08-image, which its run unpacks: they are not compressed, so blobs have their names. */
export function exampleLayers(): readonly string[] {
  return readdirSync(`${REPOSITORY}/examples/08-image/img/blobs/sha256`).map((name) =>
    `sha256:${name}`
  );
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A mount point stays.
    if (code !== "ENOTEMPTY" && code !== "ENOENT" && code !== "EBUSY") throw error;
  }
}
