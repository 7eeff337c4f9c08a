import type { Classified } from "../../shared/reply/types.ts";
import type { ReplyEvidence } from "../../shared/verdict/types.ts";
import type { Path } from "../smtp/path.ts";
import type { Reply } from "../smtp/reply-parser.ts";
import type { Asking } from "./ask.ts";
import { conclude, note, type Subject } from "./subject.ts";
import { classify, evidenceOf, isWorthNextHost, readable, tellTrouble } from "./trouble.ts";

/** A recipient's reply, read. */
export type Heard = { readonly subject: Subject; readonly evidence: ReplyEvidence; classified: Classified };

type Meaning = Pick<Heard, "evidence" | "classified">;

/** Longest path that is taken out of a reply as one piece: what the classifier takes for an address as well. */
const PATH_CUT_MAX_CHARS = 100;
const PLAIN_PATH = /^[\w.+-]+@[\w.-]+$/;
/** May look like an enhanced status code, which then belongs to this recipient's reply alone. */
const CODE_LIKE = /\d\.\d/;

/** Reads what each recipient was answered; trouble is noted, and names those about whom the next host is asked. */
export function hear(asking: Asking, subjects: readonly Subject[]): { heard: Heard[]; left: Subject[] } {
  const heard: Heard[] = [];
  const left: Subject[] = [];
  const reader = new Reader(asking);
  for (const subject of subjects) {
    const asked = subject.question;
    if (asked === null) continue;
    if (asked.reply !== null) {
      const { evidence, classified } = reader.read(asked.reply, asked.path);
      heard.push({ subject, evidence, classified });
    } else if (asked.trouble !== null && asked.trouble.cause !== "cancelled") {
      const { finding, retry, classified } = tellTrouble(asked.trouble, asking.speaker, asking.around.port.isBlocked);
      if (classified?.class === "host") {
        subject.noMail = finding;
        left.push(subject);
      } else if (isWorthNextHost(asked.trouble)) {
        note(subject, finding, retry);
        left.push(subject);
      } else conclude(subject, finding, retry);
      subject.mx = asking.target.name;
    }
  }
  return { heard, left };
}

/** Reads the replies of one visit: each wording once, however many recipients got it. */
class Reader {
  readonly #asking: Asking;
  readonly #accepted = new Map<Reply, Meaning>();
  readonly #refused = new Map<string, Meaning>();

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  read(reply: Reply, path: Path): Meaning {
    // The parser makes one object of equal acceptances.
    if (reply.code < 300) return this.#accepted.get(reply) ?? this.#remember(this.#accepted, reply, reply, path);
    const at = reply.text.indexOf(path);
    if (at < 0 || path.length > PATH_CUT_MAX_CHARS || !PLAIN_PATH.test(path) || CODE_LIKE.test(path)) {
      return this.#meaning(reply, path);
    }
    const wording = `${reply.code} ${reply.text.slice(0, at)}\n${reply.text.slice(at + path.length)}`;
    const known = this.#refused.get(wording);
    if (known === undefined) return this.#remember(this.#refused, wording, reply, path);
    return { evidence: { ...known.evidence, text: readable(reply.text) }, classified: known.classified };
  }

  #remember<K>(book: Map<K, Meaning>, key: K, reply: Reply, path: Path): Meaning {
    const meaning = this.#meaning(reply, path);
    book.set(key, meaning);
    return meaning;
  }

  /** An access table's "that host does not accept mail" for one recipient among others is not about the host. */
  #meaning(reply: Reply, path: Path): Meaning {
    const { speaker, target } = this.#asking;
    const evidence = evidenceOf(reply, "rcpt", target.name);
    const classified = classify(evidence, speaker, path);
    return { evidence, classified: classified.class === "host" ? { ...classified, ambiguous: true } : classified };
  }
}
