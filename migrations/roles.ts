/** The database roles that log in, each with a password of its own. `definer` owns functions and never logs in. */
export const LOGIN_ROLES = ["app", "dispatcher", "probe", "courier", "eraser"] as const;
export type LoginRole = (typeof LOGIN_ROLES)[number];
