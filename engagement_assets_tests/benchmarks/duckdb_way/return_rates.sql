-- Who stood where at earlier days, and came back within 90 days: multiples of 15 days, the six latest whose 90 days are over.

CREATE MACRO silence_band(days) AS CASE WHEN days >= 365 THEN 365 WHEN days >= 270 THEN 270 WHEN days >= 180 THEN 180
  WHEN days >= 120 THEN 120 WHEN days >= 90 THEN 90 WHEN days >= 60 THEN 60 WHEN days >= 45 THEN 45 WHEN days >= 30
  THEN 30 WHEN days >= 21 THEN 21 WHEN days >= 14 THEN 14 WHEN days >= 7 THEN 7 WHEN days >= 0 THEN 0 END;
CREATE MACRO order_band(days) AS CASE WHEN days >= 30 THEN 30 WHEN days >= 15 THEN 15 WHEN days >= 9 THEN 9 WHEN days
  >= 6 THEN 6 WHEN days >= 4 THEN 4 WHEN days >= 3 THEN 3 WHEN days >= 2 THEN 2 WHEN days >= 1 THEN 1 END;
CREATE MACRO drawn(n, back, towards) AS (back + 20 * towards) / (n + 20);
CREATE MACRO logit(p) AS ln(p / (1 - p));
CREATE MACRO history(n) AS 1 - exp(-n / 180.0);

CREATE TABLE looks AS
  SELECT as_of_date, DATE '1970-01-01' + (15 * ((as_of_date - DATE '1970-01-01') // 15 - 6 - back))::INTEGER AS earlier
  FROM days, range(6) AS r(back) WHERE earlier >= $start::DATE + 30;

CREATE TABLE looked_at AS
  WITH buyers AS (
    SELECT d.earlier, d.earlier + 90 AS until, c.customer_id
    FROM (SELECT DISTINCT earlier FROM looks) AS d JOIN source_customers c ON signup_date <= d.earlier),
  standing AS (
    SELECT b.*, b.earlier - now.order_date AS silence, now.order_days, now.revenue, now.weighed
    FROM buyers b ASOF JOIN so_far AS now ON now.customer_id = b.customer_id AND now.order_date <= b.earlier)
  SELECT s.earlier, silence_band(silence) AS silence, order_band(s.order_days) AS order_days,
    later.order_days > s.order_days AS came_back, later.revenue - s.revenue AS spent,
    s.weighed * exp(($start::DATE - s.earlier) / 180.0) AS decayed
  FROM standing s ASOF JOIN so_far AS later ON later.customer_id = s.customer_id AND later.order_date <= s.until;

CREATE TABLE return_rates AS
  WITH found AS (
    SELECT as_of_date, silence, order_days, count(*) AS n, count(*) FILTER (came_back) AS back
    FROM looks JOIN looked_at USING (earlier) GROUP BY ALL),
  cells AS (
    SELECT as_of_date, silence, order_days, coalesce(n, 0) AS n, coalesce(back, 0) AS back
    FROM (SELECT DISTINCT as_of_date FROM found) CROSS JOIN unnest([0, 7, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365])
      AS a(silence) CROSS JOIN unnest([1, 2, 3, 4, 6, 9, 15, 30]) AS b(order_days)
    LEFT JOIN found USING (as_of_date, silence, order_days)),
  shares AS (
    SELECT *, (sum(back) OVER t + 0.5) / (sum(n) OVER t + 1) AS shop,
      drawn(sum(n) OVER s, sum(back) OVER s, shop) AS by_silence, drawn(sum(n) OVER o, sum(back) OVER o, shop) AS by_order_days
    FROM cells WINDOW t AS (PARTITION BY as_of_date), s AS (PARTITION BY as_of_date, silence),
      o AS (PARTITION BY as_of_date, order_days)),
  per_look AS (
    SELECT as_of_date, earlier, coalesce(sum(spent), 0)::DOUBLE AS spent,
      coalesce(sum(decayed), 0) / history(earlier - $start::DATE + 1) AS worth
    FROM looks LEFT JOIN looked_at USING (earlier) GROUP BY as_of_date, earlier),
  per_day AS (
    SELECT as_of_date, count(*)::INTEGER AS counted_days, min(earlier) AS first_counted_day, max(earlier) AS last_counted_day,
      sum(spent) / nullif(sum(worth), 0) / history(as_of_date - $start::DATE + 1) AS revenue_factor
    FROM per_look GROUP BY as_of_date)
  SELECT as_of_date, silence::INTEGER AS silence_from_days,
    (lead(silence) OVER (PARTITION BY as_of_date, order_days ORDER BY silence) - 1)::INTEGER AS silence_to_days,
    order_days::INTEGER AS order_days_from,
    (lead(order_days) OVER (PARTITION BY as_of_date, silence ORDER BY order_days) - 1)::INTEGER AS order_days_to,
    n::BIGINT AS customers, back::BIGINT AS came_back,
    drawn(n, back, 1 / (1 + exp(logit(shop) - logit(by_silence) - logit(by_order_days)))) AS chance,
    counted_days, first_counted_day, last_counted_day, revenue_factor
  FROM shares JOIN per_day USING (as_of_date);
