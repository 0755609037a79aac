/** Version of containerv: the one of package.json (a test compares them). Part of the key of the spec cache. */
export const VERSION = "0.1.0";
