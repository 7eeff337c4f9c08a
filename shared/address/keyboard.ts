/** Rows of a QWERTY keyboard, each shifted half a key against the one above. */
const ROWS = ["1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm.."];

/** Other layouts put these beside each other: AZERTY and QWERTZ. */
const ELSEWHERE = ["az", "qw", "zt", "zu", "mk", "ml"];

/** One cell for each pair of ASCII characters: 1 where they lie side by side. */
function neighbours(): Uint8Array {
  const pairs = new Uint8Array(128 * 128);
  const add = (a: string | undefined, b: string | undefined): void => {
    if (a === undefined || b === undefined) return;
    pairs[a.charCodeAt(0) * 128 + b.charCodeAt(0)] = 1;
    pairs[b.charCodeAt(0) * 128 + a.charCodeAt(0)] = 1;
  };
  for (const [y, row] of ROWS.entries()) {
    for (let x = 0; x < row.length; x++) {
      add(row[x], row[x + 1]);
      add(row[x], ROWS[y + 1]?.[x]);
      add(row[x], ROWS[y + 1]?.[x - 1]);
    }
  }
  for (const pair of ELSEWHERE) add(pair[0], pair[1]);
  return pairs;
}

const PAIRS = neighbours();

/** Whether two ASCII characters lie beside each other on the keyboard. */
export const areNeighbours = (a: number, b: number): boolean => PAIRS[a * 128 + b] === 1;

/** Costs of slips: 1 is a slip with no explanation. Common slips are cheaper, so that they win over others. */
const COST = { doubled: 0.5, swapped: 0.6, neighbour: 0.7, missed: 0.8, extra: 0.9, other: 1 } as const;

const WIDEST = 64;
const rows = [new Float64Array(WIDEST + 1), new Float64Array(WIDEST + 1), new Float64Array(WIDEST + 1)] as const;

/**
 * Weighted distance between what was typed and what was meant (optimal string alignment): neighbouring keys, swapped
 * and doubled letters cost less. Infinity as soon as it must exceed `limit`, or for texts above 64 characters.
 */
export function typingDistance(typed: string, meant: string, limit: number): number {
  // Equal ends cost nothing; one character of each stays, since doubling looks at the one before.
  const shorter = Math.min(typed.length, meant.length);
  let start = 0;
  while (start < shorter && typed.charCodeAt(start) === meant.charCodeAt(start)) start++;
  let end = 0;
  while (
    end < shorter - start &&
    typed.charCodeAt(typed.length - 1 - end) === meant.charCodeAt(meant.length - 1 - end)
  ) {
    end++;
  }
  const from = Math.max(start - 1, 0);
  return aligned(typed.slice(from, typed.length - end), meant.slice(from, meant.length - end), limit);
}

function aligned(typed: string, meant: string, limit: number): number {
  const n = meant.length;
  if (n > WIDEST || typed.length > WIDEST) return Number.POSITIVE_INFINITY;
  let [before, last, row] = rows as readonly [Float64Array, Float64Array, Float64Array];
  for (let j = 0; j <= n; j++) last[j] = j * COST.missed;
  for (let i = 1; i <= typed.length; i++) {
    const a = typed.charCodeAt(i - 1);
    const previous = i > 1 ? typed.charCodeAt(i - 2) : 0;
    row[0] = i * COST.extra;
    let best = i * COST.extra;
    for (let j = 1; j <= n; j++) {
      const b = meant.charCodeAt(j - 1);
      const meantBefore = j > 1 ? meant.charCodeAt(j - 2) : 0;
      let cost = (last[j - 1] ?? 0) + (a === b ? 0 : areNeighbours(a, b) ? COST.neighbour : COST.other);
      cost = Math.min(
        cost,
        (last[j] ?? 0) + (a === previous ? COST.doubled : areNeighbours(a, b) ? COST.neighbour : COST.extra),
      );
      cost = Math.min(cost, (row[j - 1] ?? 0) + (b === meantBefore ? COST.doubled : COST.missed));
      if (i > 1 && j > 1 && a === meantBefore && previous === b)
        cost = Math.min(cost, (before[j - 2] ?? 0) + COST.swapped);
      row[j] = cost;
      if (cost < best) best = cost;
    }
    if (best > limit) return Number.POSITIVE_INFINITY;
    [before, last, row] = [last, row, before];
  }
  return last[n] ?? Number.POSITIVE_INFINITY;
}
