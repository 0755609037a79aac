/** containerv: a declarative container runner. As a module, the library; as the main module, the command line. */
if (import.meta.main) {
  const { main } = await import("./runtime/cli/main.ts");
  process.exitCode = await main(process.argv.slice(2));
}
