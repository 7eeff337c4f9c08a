/** Degrees north and east. */
export type Place = { readonly latitude: number; readonly longitude: number };

/**
 * Where regions are, by the beginning of their name ("us-west", "us-west-2" ...): the middle of where their probes may
 * stand. Only the order of distances matters.
 */
const REGIONS: Readonly<Record<string, Place>> = {
  eu: { latitude: 50, longitude: 9 },
  "eu-west": { latitude: 50, longitude: 2 },
  "eu-east": { latitude: 50, longitude: 22 },
  "eu-north": { latitude: 60, longitude: 18 },
  "eu-south": { latitude: 42, longitude: 12 },
  us: { latitude: 40, longitude: -90 },
  "us-east": { latitude: 39, longitude: -77 },
  "us-west": { latitude: 40, longitude: -121 },
  "us-central": { latitude: 41, longitude: -96 },
  ca: { latitude: 45, longitude: -75 },
  sa: { latitude: -23, longitude: -47 },
  ap: { latitude: 12, longitude: 105 },
  "ap-northeast": { latitude: 36, longitude: 138 },
  "ap-south": { latitude: 19, longitude: 73 },
  oc: { latitude: -34, longitude: 150 },
  af: { latitude: -10, longitude: 27 },
  me: { latitude: 26, longitude: 52 },
};

/** Where callers of a continent are (codes of `request.cf.continent`), for those whose place is not known better. */
const CONTINENTS: Readonly<Record<string, Place>> = {
  EU: { latitude: 50, longitude: 9 },
  NA: { latitude: 40, longitude: -95 },
  SA: { latitude: -20, longitude: -55 },
  AS: { latitude: 25, longitude: 105 },
  OC: { latitude: -32, longitude: 147 },
  AF: { latitude: 3, longitude: 20 },
  AN: { latitude: -60, longitude: -60 },
};

/** Place of a caller, from what Cloudflare says of the request; null when it says nothing usable. */
export function placeOf(cf: object): Place | null {
  const { latitude, longitude, continent }: Partial<Record<"latitude" | "longitude" | "continent", unknown>> = cf;
  const place = { latitude: degrees(latitude, 90), longitude: degrees(longitude, 180) };
  if (Number.isFinite(place.latitude) && Number.isFinite(place.longitude)) return place;
  return (typeof continent === "string" ? CONTINENTS[continent] : undefined) ?? null;
}

/** Cloudflare gives degrees as text. */
function degrees(value: unknown, most: number): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return Math.abs(number) <= most ? number : Number.NaN;
}

/** Regions by distance from the caller. Names that tell no place come last, and all keep the operator's order otherwise. */
export function nearestFirst(regions: readonly string[], caller: Place | null): readonly string[] {
  if (caller === null || regions.length === 1) return regions;
  const distances = new Map<string, number>();
  for (const region of regions) {
    const place = placeOfRegion(region);
    distances.set(region, place === null ? Number.POSITIVE_INFINITY : distance(caller, place));
  }
  const of = (region: string): number => distances.get(region) ?? Number.POSITIVE_INFINITY;
  return [...regions].sort((a, b) => (of(a) === of(b) ? 0 : of(a) - of(b)));
}

function placeOfRegion(region: string): Place | null {
  for (let name = region; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf("-")))) {
    const place = REGIONS[name];
    if (place !== undefined) return place;
  }
  return null;
}

/** Great-circle distance in radians (haversine formula). */
function distance(a: Place, b: Place): number {
  const rad = Math.PI / 180;
  const north = Math.sin(((b.latitude - a.latitude) * rad) / 2) ** 2;
  const east = Math.sin(((b.longitude - a.longitude) * rad) / 2) ** 2;
  const h = north + Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * east;
  return 2 * Math.asin(Math.min(1, Math.sqrt(h)));
}
