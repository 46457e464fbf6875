-- What came after: a row for each buyer of a snapshot and each horizon that is over; `expected` is the model's.

CREATE TABLE outcomes AS
  WITH watched AS (
    SELECT *, as_of_date + horizon_days AS until FROM buyers CROSS JOIN (VALUES (30), (60), (90)) horizons (horizon_days)
    WHERE as_of_date + horizon_days <= $last::DATE)
  SELECT w.as_of_date, w.horizon_days, w.customer_id, is_high_risk, is_slipping, revenue_last_365_days, total_revenue,
    score, reference_score, recency, frequency, rfm_quintiles, return_chance, expected_revenue, bg_nbd, later.order_date > w.as_of_date AS again, (later.revenue - total_revenue)::DOUBLE AS spent
  FROM watched w
  ASOF JOIN so_far later ON later.customer_id = w.customer_id AND later.order_date <= w.until
  LEFT JOIN expected USING (as_of_date, horizon_days, repeats, bought_for, age);
