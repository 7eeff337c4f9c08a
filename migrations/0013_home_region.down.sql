DROP FUNCTION home_region(text);
