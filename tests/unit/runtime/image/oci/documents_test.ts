// runs-under: bun, deno
import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  type Json,
  parseJson,
  readConfig,
  readDescriptor,
  readDocument,
} from "../../../../../runtime/image/oci/documents.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const descriptor = (mediaType: string, more: Json = {}): Json => ({
  mediaType,
  digest: DIGEST,
  size: 5,
  ...more,
});
const manifest = (more: Json = {}): Json => ({
  config: descriptor("application/vnd.oci.image.config.v1+json"),
  layers: [descriptor(LAYER)],
  ...more,
});

function refused(read: () => unknown, why: RegExp): void {
  const { message } = assertThrows(read) as Error;
  assertEquals(why.test(message), true, message);
}

describe("T9: a digest that is none", () => {
  for (
    const digest of [
      "sha256:../../x",
      DIGEST.toUpperCase(),
      DIGEST.slice(0, -1),
      "md5:aa",
      `${DIGEST}0`,
      5,
      null,
      `${DIGEST}\n`,
    ]
  ) {
    test(JSON.stringify(digest), () => {
      refused(() => readDescriptor({ ...descriptor(LAYER), digest }, "a layer"), /digest/);
    });
  }
});

test("a size is a number that is one", () => {
  for (const size of [-1, 1.5, "5", 2 ** 53, undefined]) {
    refused(() => readDescriptor({ ...descriptor(LAYER), size }, "a layer"), /size/);
  }
});

describe("T11: a document is what its descriptor says, and one thing", () => {
  test("a manifest", () => {
    const read = readDocument(manifest(), MANIFEST);
    assertEquals("layers" in read && read.layers.length, 1);
  });
  test("an index and a manifest at once", () => {
    const both = manifest({ manifests: [] });
    refused(() => readDocument(both, MANIFEST), /at once/);
    refused(() => readDocument(both, INDEX), /at once/);
    refused(() => readDocument({ manifests: [], config: {} }, INDEX), /at once/);
  });
  test("another type than said", () => {
    refused(() => readDocument(manifest({ mediaType: INDEX }), MANIFEST), /says that it is/);
    refused(() => readDocument(manifest(), "text/html"), /are no image/);
  });
  test("a layer of another type", () => {
    const layers = [descriptor("application/x-sh")];
    refused(() => readDocument(manifest({ layers }), MANIFEST), /can't be unpacked/);
  });
});

test("T13: more layers and images than there may be", () => {
  const layers = Array.from({ length: 128 }, () => descriptor(LAYER));
  refused(() => readDocument(manifest({ layers }), MANIFEST), /127 are the most/);
  const manifests = Array.from({ length: 1001 }, () => descriptor(MANIFEST));
  refused(() => readDocument({ manifests }, INDEX), /1000/);
});

const config = (more: Json = {}, inner: Json = {}): Json => ({
  os: "linux",
  architecture: "amd64",
  config: inner,
  rootfs: { type: "layers", diff_ids: [DIGEST] },
  ...more,
});

describe("readConfig()", () => {
  test("reads what an image says of running it", () => {
    const read = readConfig(config({}, {
      Entrypoint: ["/a"],
      Cmd: null,
      Env: ["A=b=c", "EMPTY="],
      User: "1:2",
      WorkingDir: "/w",
      StopSignal: "SIGQUIT",
      Labels: { x: "y" },
    }));
    assertEquals(read.environment, { A: "b=c", EMPTY: "" });
    assertEquals([read.entrypoint, read.cmd, read.user, read.stopSignal], [
      ["/a"],
      [],
      "1:2",
      "SIGQUIT",
    ]);
  });

  const bad: Readonly<Record<string, Json>> = {
    "a variable without a name": config({}, { Env: ["=x"] }),
    "a variable that is none": config({}, { Env: ["x"] }),
    "a NUL": config({}, { Cmd: ["a\0b"] }),
    "a command that is a text": config({}, { Cmd: "sh" }),
    "no layers": config({ rootfs: { type: "layers", diff_ids: [] } }),
    "another root file system": config({ rootfs: { type: "zfs", diff_ids: [DIGEST] } }),
    "a digest that is none": config({ rootfs: { type: "layers", diff_ids: ["x"] } }),
    "no system": config({ os: 5 }),
    "labels that are a list": config({}, { Labels: ["a"] }),
  };
  for (const [name, json] of Object.entries(bad)) {
    test(`refuses ${name}`, () => void assertThrows(() => readConfig(json)));
  }
});

test("parseJson() takes objects in UTF-8 alone", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  assertEquals(parseJson(bytes('{"a": 1}'), "it"), { a: 1 });
  for (const text of ["[]", "null", '"x"', "{", ""]) {
    assertThrows(() => parseJson(bytes(text), "it"));
  }
  assertThrows(() => parseJson(Uint8Array.of(0x7b, 0xff, 0x7d), "it"));
});
