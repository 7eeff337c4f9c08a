import { PROBLEMS, type ProblemSlug } from "../problems.ts";
import { page } from "./layout.tsx";

/** The page behind a problem's `type`; null for a name that is none of ours. */
export function problemPage(slug: string): Response | null {
  if (!Object.hasOwn(PROBLEMS, slug)) return null;
  const [status, title, help] = PROBLEMS[slug as ProblemSlug];
  return page(
    title,
    <main>
      <h1>{title}</h1>
      <p>
        Status <code>{status}</code>, type <code>/problems/{slug}</code>
      </p>
      <p>{help}</p>
      <p>
        The members of the document: <code>detail</code> says what went wrong this time, <code>errors</code> names the
        fields concerned, and <code>trace_id</code> finds the call in our logs.
      </p>
      <p>
        <a href="/docs">API reference</a>
      </p>
    </main>,
  );
}
