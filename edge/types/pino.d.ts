// The part of pino that its browser build, which the Workers runtime gets, has and that edge/ uses. pino's own types
// pull in Node's, and with them every Node global would compile in edge/.
type Write = (fields: object, message?: string) => void;

export type Logger = {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
};

export function pino(options: {
  level: string;
  browser: { asObject: boolean; write: (entry: object) => void };
}): Logger;
