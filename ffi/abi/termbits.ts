/**
 * The settings of a terminal, and its size.
 *
 * Source: <asm-generic/termbits.h>, <asm-generic/termbits-common.h>, <asm-generic/termios.h>; termios(3).
 */
import { defineStruct } from "./struct.ts";

/** Input is UTF-8: what erases a character in cooked mode. */
export const IUTF8 = 0x4000;

// Places in c_cc.
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;

/** struct termios of the kernel, which has no members for speeds. */
export const TERMIOS = defineStruct({
  c: "struct termios",
  size: 36,
  fields: [
    ["c_iflag", "u32"],
    ["c_oflag", "u32"],
    ["c_cflag", "u32"],
    ["c_lflag", "u32"],
    ["c_line", "u8"],
    ["c_cc", { bytes: 19, align: 1 }],
  ],
});

/** struct winsize */
export const WINSIZE = defineStruct({
  c: "struct winsize",
  size: 8,
  fields: [
    ["ws_row", "u16"],
    ["ws_col", "u16"],
    ["ws_xpixel", "u16"],
    ["ws_ypixel", "u16"],
  ],
});
