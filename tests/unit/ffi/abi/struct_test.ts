import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { defineStruct, readField, writeField } from "../../../../ffi/abi/struct.ts";

const offsets = (layout: { fields: Readonly<Record<string, { offset: number }>> }) =>
  Object.fromEntries(Object.entries(layout.fields).map(([name, field]) => [name, field.offset]));

describe("defineStruct()", () => {
  test("aligns each field and the whole, as the C compiler does", () => {
    const layout = defineStruct({
      c: "struct mixed",
      size: 32,
      fields: [["a", "u8"], ["b", "u32"], ["c", "u16"], ["d", "i64"], ["e", "u8"]],
    });
    assertEquals(offsets(layout), { a: 0, b: 4, c: 8, d: 16, e: 24 });
  });

  test("leaves no gaps in a packed struct", () => {
    const layout = defineStruct({
      c: "struct packed",
      size: 12,
      packed: true,
      fields: [["a", "u64"], ["b", "i32"]],
    });
    assertEquals(offsets(layout), { a: 0, b: 8 });
  });

  test("places runs of bytes by their own alignment", () => {
    const layout = defineStruct({
      c: "struct run",
      size: 24,
      fields: [["name", { bytes: 5, align: 1 }], ["tail", { bytes: 16, align: 8 }]],
    });
    assertEquals(offsets(layout), { name: 0, tail: 8 });
  });

  test("refuses a size that the fields do not give", () => {
    const layout = defineStruct({ c: "struct short", size: 8, fields: [["a", "u32"]] });
    assertThrows(() => layout.fields, RangeError, "struct short has 4 bytes by its fields");
  });

  test("refuses a name that is there twice", () => {
    const layout = defineStruct({
      c: "struct twice",
      size: 8,
      fields: [["a", "u32"], ["a", "u32"]],
    });
    assertThrows(() => layout.fields, RangeError, 'two fields "a"');
  });
});

describe("writeField() and readField()", () => {
  const layout = defineStruct({
    c: "struct every",
    size: 32,
    fields: [
      ["u8", "u8"],
      ["i8", "i8"],
      ["u16", "u16"],
      ["i32", "i32"],
      ["u64", "u64"],
      ["i64", "i64"],
      ["name", { bytes: 4, align: 4 }],
      ["u32", "u32"],
    ],
  });
  const values: readonly (readonly [keyof typeof layout.fields, number | bigint])[] = [
    ["u8", 255],
    ["i8", -128],
    ["u16", 65535],
    ["i32", -2147483648],
    ["u32", 4294967295],
    ["u64", 0xffffffffffffffffn],
    ["i64", -(1n << 63n)],
  ];
  for (const [name, value] of values) {
    test(`keeps the extreme ${value} of ${name}`, () => {
      const view = new DataView(new ArrayBuffer(40));
      writeField(view, layout.fields[name], { base: 8, value });
      assertEquals(readField(view, layout.fields[name], { base: 8 }), value);
    });
  }

  test("writes little-endian at its offset and nothing beside it", () => {
    const view = new DataView(new ArrayBuffer(32));
    writeField(view, layout.fields.u64, { value: 0x0102030405060708n });
    const want = new Uint8Array(32);
    want.set([8, 7, 6, 5, 4, 3, 2, 1], 8);
    assertEquals(new Uint8Array(view.buffer), want);
  });

  const refused: readonly (readonly [keyof typeof layout.fields, number | bigint])[] = [
    ["u8", 256],
    ["u8", -1],
    ["i8", 128],
    ["u32", -1],
    ["u32", 2 ** 32],
    ["u64", -1n],
    ["u64", 1n << 64n],
    ["i64", 1n << 63n],
    ["u64", 2 ** 53],
    ["u16", 1.5],
    ["u16", NaN],
  ];
  for (const [name, value] of refused) {
    test(`refuses ${value} as ${name}`, () => {
      const view = new DataView(new ArrayBuffer(32));
      assertThrows(() => writeField(view, layout.fields[name], { value }), RangeError);
      assertEquals(new Uint8Array(view.buffer), new Uint8Array(32));
    });
  }

  test("fills runs of bytes from the left and refuses what is longer", () => {
    const view = new DataView(new ArrayBuffer(32));
    writeField(view, layout.fields.name, { value: new Uint8Array([1, 2]) });
    const { offset } = layout.fields.name;
    assertEquals(new Uint8Array(view.buffer, offset, 4), new Uint8Array([1, 2, 0, 0]));
    assertThrows(
      () => writeField(view, layout.fields.name, { value: new Uint8Array(5) }),
      RangeError,
    );
    assertThrows(() => writeField(view, layout.fields.name, { value: 1 }), RangeError);
    assertThrows(() => readField(view, layout.fields.name), RangeError, "no integer");
  });
});
