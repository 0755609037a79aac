import type { Validator } from "../text/validate.ts";

/** Checks a value against spec/generated/schema.json; what is wrong stands in `validate.errors` afterwards. */
export declare const validate: Validator;
export default validate;
