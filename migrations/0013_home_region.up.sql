-- Where a list is planned: the preferred region, unless it was lately seen without any probe while another has some;
-- then the one with the most room. Of regions that nobody has reported on nothing is known, and the preferred one stands.
CREATE FUNCTION home_region(preferred text) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  WITH crews AS (
    SELECT l.region, sum(l.probes) AS probes, sum(l.room) AS room FROM hub_loads l
     WHERE l.seen_at > now() - interval '3 minutes' GROUP BY l.region)
  SELECT coalesce(
    (SELECT c.region FROM crews c
      WHERE c.probes > 0 AND EXISTS (SELECT 1 FROM crews p WHERE p.region = preferred AND p.probes = 0)
      ORDER BY c.room DESC, c.region LIMIT 1),
    preferred)
$$;

ALTER FUNCTION home_region(text) OWNER TO definer;
REVOKE ALL ON FUNCTION home_region(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION home_region(text) TO app;
