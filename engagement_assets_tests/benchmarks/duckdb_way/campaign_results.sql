-- Who entered an audience when and in which arm, what they did within 7, 14 and 30 days, and the sums of the last 90 days' entries.

CREATE TABLE entries AS
  SELECT audience, customer_id, as_of_date AS entered, is_holdout, engagement_score
  FROM campaign_audiences
  QUALIFY coalesce(as_of_date - lag(as_of_date) OVER (PARTITION BY audience, customer_id ORDER BY as_of_date) > 30, true);

CREATE TABLE horizons AS SELECT unnest([7, 14, 30])::INTEGER AS horizon_days;

CREATE TABLE followed AS
  WITH bought AS (SELECT customer_id, as_of_date AS day, count(*) AS orders, sum(order_amount) AS revenue FROM raw_orders GROUP BY ALL),
  visits AS (SELECT customer_id, as_of_date AS day, count(*) AS sessions FROM sessions WHERE NOT continues_previous_day GROUP BY ALL),
  before AS (
    SELECT audience, customer_id, entered, sum(revenue) AS revenue_before, entered - max(day) AS recency
    FROM entries JOIN bought USING (customer_id) WHERE day <= entered GROUP BY audience, customer_id, entered),
  orders AS (
    SELECT audience, customer_id, entered, horizon_days, sum(orders) AS orders, sum(revenue) AS revenue
    FROM entries JOIN bought USING (customer_id) JOIN horizons ON day BETWEEN entered + 1 AND entered + horizon_days GROUP BY ALL),
  visited AS (
    SELECT audience, customer_id, entered, horizon_days, sum(sessions) AS sessions
    FROM entries JOIN visits USING (customer_id) JOIN horizons ON day BETWEEN entered + 1 AND entered + horizon_days GROUP BY ALL)
  SELECT audience, entered, horizon_days, is_holdout, (orders > 0)::INTEGER AS ordered, coalesce(orders, 0)::DOUBLE AS orders,
    coalesce(revenue, 0)::DOUBLE AS revenue, coalesce(sessions, 0)::DOUBLE AS sessions, engagement_score AS score,
    ln(1 + coalesce(revenue_before, 0)::DOUBLE) AS spent, recency::DOUBLE AS recency
  FROM entries CROSS JOIN horizons
  LEFT JOIN before USING (audience, customer_id, entered)
  LEFT JOIN orders USING (audience, customer_id, entered, horizon_days)
  LEFT JOIN visited USING (audience, customer_id, entered, horizon_days);

CREATE TABLE cohorts AS
  SELECT audience, entered, horizon_days, is_holdout, count(*) AS customers, count(recency) AS buyers,
    coalesce(sum(ordered), 0) AS ordered,
    [sum(orders), sum(revenue), sum(sessions), sum(score), sum(spent), coalesce(sum(recency), 0)] AS totals,
    [sum(orders ** 2), sum(revenue ** 2), sum(sessions ** 2), sum(score ** 2), sum(spent ** 2), coalesce(sum(recency ** 2), 0)]
      AS squares
  FROM followed GROUP BY ALL;

CREATE TABLE arms AS
  WITH days AS (SELECT DISTINCT as_of_date AS day FROM campaign_audiences)
  SELECT d.day, audience, horizon_days, is_holdout, sum(customers)::BIGINT AS customers, sum(buyers)::BIGINT AS buyers,
    sum(ordered)::BIGINT AS ordered,
    [sum(totals[1]), sum(totals[2]), sum(totals[3]), sum(totals[4]), sum(totals[5]), sum(totals[6])] AS totals,
    [sum(squares[1]), sum(squares[2]), sum(squares[3]), sum(squares[4]), sum(squares[5]), sum(squares[6])] AS squares,
    coalesce(sum(customers) FILTER (entered - 1 IN (SELECT day FROM days)), 0)::BIGINT AS newly
  FROM days d JOIN cohorts ON entered BETWEEN d.day - horizon_days - 89 AND d.day - horizon_days
  WHERE d.day >= $first::DATE
  GROUP BY ALL;

CREATE TABLE windows AS
  WITH days AS (SELECT DISTINCT as_of_date AS day FROM campaign_audiences),
  counted AS (
    SELECT d.day, horizon_days, count(*) AS known, count(*) FILTER (before.day IS NOT NULL) AS whole
    FROM days d CROSS JOIN horizons JOIN days k ON k.day BETWEEN d.day - horizon_days - 89 AND d.day - horizon_days
    LEFT JOIN days before ON before.day = k.day - 1 GROUP BY d.day, horizon_days)
  SELECT *, day - horizon_days - greatest($start::DATE, day - horizon_days - 89) + 1 - known AS unknown FROM counted;
