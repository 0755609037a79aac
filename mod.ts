/** containerv: a declarative container runner. As a module, the library; as the main module, the command line. */
if (import.meta.main) {
  const { main } = await import("./runtime/cli/main.ts");
  const { exitNow } = await import("./ffi/linux/exit.ts");
  exitNow(await main(process.argv.slice(2)));
}
