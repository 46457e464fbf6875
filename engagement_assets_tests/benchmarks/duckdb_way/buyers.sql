-- What the snapshots said of their buyers, for the horizons that are over.

CREATE TABLE buyers AS
  WITH scales AS (
    SELECT as_of_date, min(recency_days_30_days_before) AS recency_low, max(recency_days_30_days_before) AS recency_high,
      min(total_orders_30_days_before) AS orders_low, max(total_orders_30_days_before) AS orders_high,
      min(sessions_previous_30_days) AS sessions_low, max(sessions_previous_30_days) AS sessions_high,
      ln(1 + min(total_revenue_30_days_before)::DOUBLE) AS money_low,
      ln(1 + max(total_revenue_30_days_before)::DOUBLE) AS money_high
    FROM engagement_scores WHERE signup_date <= as_of_date - 30 GROUP BY as_of_date),
  scored AS (
    SELECT s.*, CASE WHEN signup_date <= s.as_of_date - 30 AND total_orders_30_days_before > 0 THEN
        0.4 * (1 - norm(recency_days_30_days_before::DOUBLE, recency_low, recency_high))
        + 0.3 * (0.6 * norm(total_orders_30_days_before::DOUBLE, orders_low, orders_high)
          + 0.4 * norm(sessions_previous_30_days::DOUBLE, sessions_low, sessions_high))
        + 0.3 * norm(ln(1 + total_revenue_30_days_before::DOUBLE), money_low, money_high) END AS earlier_score
    FROM engagement_scores s LEFT JOIN scales USING (as_of_date)
    WHERE s.as_of_date BETWEEN $first::DATE AND $last::DATE - 30 AND total_orders > 0)
  SELECT s.as_of_date, s.customer_id, is_high_risk, is_slipping, revenue_last_365_days, total_revenue,
    engagement_score AS score, reference_score, return_chance, expected_revenue_90_days AS expected_revenue,
    -recency_days::DOUBLE AS recency, total_orders::DOUBLE AS frequency,
    (rfm_recency + rfm_frequency + rfm_monetary)::DOUBLE AS rfm_quintiles, earlier_score,
    CASE WHEN earlier_score IS NOT NULL THEN reference_score_30_days_before END AS earlier_reference_score,
    CASE WHEN earlier_score IS NOT NULL THEN -recency_days_30_days_before::DOUBLE END AS earlier_recency,
    CASE WHEN earlier_score IS NOT NULL THEN total_orders_30_days_before::DOUBLE END AS earlier_frequency,
    s.order_days - 1 AS repeats, last_order_date - s.first_order_date AS bought_for,
    s.as_of_date - s.first_order_date AS age
  FROM scored s JOIN so_far ON so_far.customer_id = s.customer_id AND so_far.order_date = s.last_order_date;

-- Ranks of equal values are their mean: their first place and their last one, added up.
CREATE TABLE persistence AS
  SELECT as_of_date, predictor,
    CASE WHEN min(now) < max(now) AND min(earlier) < max(earlier) THEN corr(now_rank, earlier_rank) END AS rank_persistence
  FROM (
    SELECT as_of_date, predictor, now, earlier, rank() OVER n + count(*) OVER n AS now_rank,
      rank() OVER e + count(*) OVER e AS earlier_rank
    FROM (
      UNPIVOT (SELECT * FROM buyers WHERE earlier_score IS NOT NULL) ON (score, earlier_score) AS score,
        (reference_score, earlier_reference_score) AS reference_score, (recency, earlier_recency) AS recency,
        (frequency, earlier_frequency) AS frequency INTO NAME predictor VALUE now, earlier)
    WINDOW n AS (PARTITION BY as_of_date, predictor ORDER BY now),
      e AS (PARTITION BY as_of_date, predictor ORDER BY earlier))
  GROUP BY ALL;
