-- How well each predictor told who ordered again. Equal values are a group: who has to choose among them chooses by lot.

CREATE MACRO within_top(share, customers, up_to, own) AS greatest(0, least(1, (share * customers - (up_to - own)) / own));

-- Who was active 30 days before: had orders on two days, and stood where at least half come back.
CREATE TABLE watched_closely AS
  SELECT w.*, chance, coalesce(b.order_days >= 2 AND chance >= 0.5, false) AS was_active,
    was_active AND recency <= -30 AND NOT again AS lapses
  FROM outcomes w
  ASOF LEFT JOIN so_far b ON b.customer_id = w.customer_id AND b.order_date <= w.as_of_date - 30
  LEFT JOIN return_rates r ON r.as_of_date = w.as_of_date AND r.order_days_from = order_band(b.order_days)
    AND r.silence_from_days = silence_band(w.as_of_date - 30 - b.order_date);

CREATE TABLE lists AS
  WITH placed AS (
    SELECT *, greatest(1, round_even(0.05 * count(*) OVER d, 0)) AS room,
      is_slipping AND row_number() OVER (d ORDER BY is_slipping DESC, revenue_last_365_days DESC, customer_id) <= room AS slipping,
      is_high_risk AND row_number() OVER (d ORDER BY is_high_risk DESC, total_revenue DESC, customer_id) <= room AS high_risk,
      row_number() OVER (d ORDER BY score, customer_id) <= room AS lowest_score,
      row_number() OVER (d ORDER BY recency, customer_id) <= room AS longest_silence
    FROM watched_closely WHERE horizon_days = 60 WINDOW d AS (PARTITION BY as_of_date))
  SELECT as_of_date, any_value(room)::BIGINT AS list_length, count(*) FILTER (lapses) AS lapsing_customers,
    coalesce(sum(revenue_last_365_days) FILTER (lapses), 0)::DOUBLE AS lapsing_revenue,
    count(*) FILTER (lapses AND slipping) / nullif(lapsing_customers, 0) AS slipping_holds,
    coalesce(sum(revenue_last_365_days) FILTER (lapses AND slipping), 0)::DOUBLE / nullif(lapsing_revenue, 0) AS slipping_holds_revenue,
    count(*) FILTER (lapses AND high_risk) / nullif(lapsing_customers, 0) AS high_risk_holds,
    coalesce(sum(revenue_last_365_days) FILTER (lapses AND high_risk), 0)::DOUBLE / nullif(lapsing_revenue, 0) AS high_risk_holds_revenue,
    count(*) FILTER (lapses AND lowest_score) / nullif(lapsing_customers, 0) AS lowest_score_holds,
    coalesce(sum(revenue_last_365_days) FILTER (lapses AND lowest_score), 0)::DOUBLE / nullif(lapsing_revenue, 0) AS lowest_score_holds_revenue,
    count(*) FILTER (lapses AND longest_silence) / nullif(lapsing_customers, 0) AS longest_silence_holds,
    coalesce(sum(revenue_last_365_days) FILTER (lapses AND longest_silence), 0)::DOUBLE / nullif(lapsing_revenue, 0) AS longest_silence_holds_revenue,
    if(lapsing_customers > 0, list_length / count(*), NULL) AS random_holds
  FROM placed GROUP BY as_of_date HAVING count(chance) > 0;

CREATE TABLE score_backtest AS
  WITH totals AS (
    SELECT as_of_date, horizon_days, count(*) AS customers, count(*) FILTER (again) AS ordered_again, sum(spent) AS spent,
      count(*) FILTER (is_high_risk) AS high_risk_customers, sum(expected_revenue) AS expected,
      count(*) FILTER (is_high_risk AND was_active AND NOT again)
        / nullif(count(*) FILTER (is_high_risk AND was_active), 0) AS high_risk_precision
    FROM watched_closely GROUP BY ALL),
  grouped AS (
    SELECT as_of_date, horizon_days, predictor, value, count(*)::DOUBLE AS own, count(*) FILTER (again)::DOUBLE AS happened,
      sum(spent) AS own_spent
    FROM (UNPIVOT outcomes ON score, reference_score, recency, frequency, rfm_quintiles, return_chance, expected_revenue, bg_nbd
      INTO NAME predictor VALUE value)
    GROUP BY ALL),
  ranked AS (
    SELECT g.*, customers::DOUBLE AS customers, ordered_again::DOUBLE AS ordered_again, spent, sum(own) OVER w AS up_to,
      sum(happened) OVER w AS happened_up_to
    FROM grouped g JOIN totals USING (as_of_date, horizon_days)
    WINDOW w AS (PARTITION BY as_of_date, horizon_days, predictor ORDER BY value DESC)),
  figures AS (
    SELECT as_of_date, horizon_days, predictor,
      any_value(ordered_again) AS positives, any_value(customers) - positives AS negatives,
      sum(happened * (customers - ordered_again - (up_to - happened_up_to) + (own - happened) / 2))
        / nullif(positives * negatives, 0) AS auc,
      sum(happened_up_to / up_to * happened) / nullif(positives, 0) AS average_precision,
      sum(happened * within_top(0.1, customers, up_to, own)) / nullif(0.1 * positives, 0) AS lift_top_decile,
      sum(own_spent * within_top(0.1, customers, up_to, own)) / nullif(any_value(spent), 0) AS spend_share_top_decile,
      [0.0,
        sum(happened * within_top(0.1, customers, up_to, own)),
        sum(happened * within_top(0.2, customers, up_to, own)),
        sum(happened * within_top(0.3, customers, up_to, own)),
        sum(happened * within_top(0.4, customers, up_to, own)),
        sum(happened * within_top(0.5, customers, up_to, own)),
        sum(happened * within_top(0.6, customers, up_to, own)),
        sum(happened * within_top(0.7, customers, up_to, own)),
        sum(happened * within_top(0.8, customers, up_to, own)),
        sum(happened * within_top(0.9, customers, up_to, own)),
        sum(happened * within_top(1.0, customers, up_to, own))] AS tops,
      list_transform(range(1, 11), lambda n: (tops[n + 1] - tops[n]) / ((positives + negatives) / 10)) AS rates,
      [0.0,
        sum(own * value * within_top(0.1, customers, up_to, own)),
        sum(own * value * within_top(0.2, customers, up_to, own)),
        sum(own * value * within_top(0.3, customers, up_to, own)),
        sum(own * value * within_top(0.4, customers, up_to, own)),
        sum(own * value * within_top(0.5, customers, up_to, own)),
        sum(own * value * within_top(0.6, customers, up_to, own)),
        sum(own * value * within_top(0.7, customers, up_to, own)),
        sum(own * value * within_top(0.8, customers, up_to, own)),
        sum(own * value * within_top(0.9, customers, up_to, own)),
        sum(own * value * within_top(1.0, customers, up_to, own))] AS sums,
      list_transform(range(1, 11), lambda n: (sums[n + 1] - sums[n]) / ((positives + negatives) / 10)) AS predicted
    FROM ranked GROUP BY ALL)
  SELECT t.as_of_date, t.horizon_days, p.predictor, t.customers, t.ordered_again,
    t.ordered_again / t.customers AS base_rate, f.auc, auc_low, auc_high, f.auc - r.auc AS auc_gain, auc_gain_low,
    auc_gain_high, f.average_precision, f.lift_top_decile, f.spend_share_top_decile, f.rates[1] AS decile_1_rate,
    f.rates[2] AS decile_2_rate, f.rates[3] AS decile_3_rate, f.rates[4] AS decile_4_rate, f.rates[5] AS decile_5_rate,
    f.rates[6] AS decile_6_rate, f.rates[7] AS decile_7_rate, f.rates[8] AS decile_8_rate, f.rates[9] AS decile_9_rate,
    f.rates[10] AS decile_10_rate,
    list_bool_and(list_transform(range(1, 10), lambda n: f.rates[n + 1] <= f.rates[n] + 1e-12)) AS deciles_fall,
    CASE WHEN of_chance THEN list_avg(list_transform(range(1, 11), lambda n: abs(f.predicted[n] - f.rates[n]))) END
      AS calibration_error,
    CASE WHEN of_chance THEN f.predicted[1] END AS decile_1_predicted,
    CASE WHEN of_chance THEN f.predicted[2] END AS decile_2_predicted,
    CASE WHEN of_chance THEN f.predicted[3] END AS decile_3_predicted,
    CASE WHEN of_chance THEN f.predicted[4] END AS decile_4_predicted,
    CASE WHEN of_chance THEN f.predicted[5] END AS decile_5_predicted,
    CASE WHEN of_chance THEN f.predicted[6] END AS decile_6_predicted,
    CASE WHEN of_chance THEN f.predicted[7] END AS decile_7_predicted,
    CASE WHEN of_chance THEN f.predicted[8] END AS decile_8_predicted,
    CASE WHEN of_chance THEN f.predicted[9] END AS decile_9_predicted,
    CASE WHEN of_chance THEN f.predicted[10] END AS decile_10_predicted,
    CASE WHEN of_revenue THEN expected END AS predicted_total, CASE WHEN of_revenue THEN t.spent END AS spent_total,
    list_length, lapsing_customers, lapsing_revenue, slipping_holds, slipping_holds_revenue, high_risk_holds,
    high_risk_holds_revenue, lowest_score_holds, lowest_score_holds_revenue, longest_silence_holds,
    longest_silence_holds_revenue, random_holds, random_holds AS random_holds_revenue,
    CASE WHEN p.predictor = 'score' THEN high_risk_customers END AS high_risk_customers,
    CASE WHEN p.predictor = 'score' THEN high_risk_precision END AS high_risk_precision, rank_persistence
  FROM totals t
  CROSS JOIN (VALUES ('score'), ('reference_score'), ('recency'), ('frequency'), ('rfm_quintiles'),
    ('return_chance'), ('expected_revenue'), ('bg_nbd')) p (predictor)
  LEFT JOIN figures f ON (f.as_of_date, f.horizon_days, f.predictor) = (t.as_of_date, t.horizon_days, p.predictor)
  LEFT JOIN figures r ON (r.as_of_date, r.horizon_days, r.predictor) = (t.as_of_date, t.horizon_days, 'recency')
  LEFT JOIN persistence s ON (s.as_of_date, s.predictor) = (t.as_of_date, p.predictor)
  CROSS JOIN LATERAL (SELECT p.predictor = 'return_chance' AND t.horizon_days = 90 AND f.auc IS NOT NULL AS of_chance,
    p.predictor = 'expected_revenue' AND t.horizon_days = 90 AND expected IS NOT NULL AS of_revenue)
  LEFT JOIN lists l ON l.as_of_date = t.as_of_date AND p.predictor = 'score' AND t.horizon_days = 60
  LEFT JOIN intervals i ON (i.as_of_date, i.horizon_days, i.predictor) = (t.as_of_date, t.horizon_days, p.predictor);
