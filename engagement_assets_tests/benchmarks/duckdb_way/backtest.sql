-- How well each predictor told who ordered again. Equal values are a group: who has to choose among them chooses by lot.

CREATE MACRO within_top(share, customers, up_to, own) AS greatest(0, least(1, (share * customers - (up_to - own)) / own));

CREATE TABLE score_backtest AS
  WITH totals AS (
    SELECT as_of_date, horizon_days, count(*) AS customers, count(*) FILTER (again) AS ordered_again, sum(spent) AS spent,
      count(*) FILTER (is_high_risk) AS high_risk_customers,
      count(*) FILTER (is_high_risk AND NOT again) / nullif(high_risk_customers, 0) AS high_risk_precision
    FROM outcomes GROUP BY ALL),
  grouped AS (
    SELECT as_of_date, horizon_days, predictor, value, count(*)::DOUBLE AS own, count(*) FILTER (again)::DOUBLE AS happened,
      sum(spent) AS own_spent
    FROM (UNPIVOT outcomes ON score, reference_score, recency, frequency, rfm_quintiles, bg_nbd
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
      list_transform(range(1, 11), lambda n: (tops[n + 1] - tops[n]) / ((positives + negatives) / 10)) AS rates
    FROM ranked GROUP BY ALL)
  SELECT t.as_of_date, t.horizon_days, p.predictor, t.customers, t.ordered_again,
    t.ordered_again / t.customers AS base_rate, f.auc, auc_low, auc_high, f.auc - r.auc AS auc_gain, auc_gain_low,
    auc_gain_high, f.average_precision, f.lift_top_decile, f.spend_share_top_decile, f.rates[1] AS decile_1_rate,
    f.rates[2] AS decile_2_rate, f.rates[3] AS decile_3_rate, f.rates[4] AS decile_4_rate, f.rates[5] AS decile_5_rate,
    f.rates[6] AS decile_6_rate, f.rates[7] AS decile_7_rate, f.rates[8] AS decile_8_rate, f.rates[9] AS decile_9_rate,
    f.rates[10] AS decile_10_rate,
    list_bool_and(list_transform(range(1, 10), lambda n: f.rates[n + 1] <= f.rates[n] + 1e-12)) AS deciles_fall,
    CASE WHEN p.predictor = 'score' THEN high_risk_customers END AS high_risk_customers,
    CASE WHEN p.predictor = 'score' THEN high_risk_precision END AS high_risk_precision, rank_persistence
  FROM totals t
  CROSS JOIN (VALUES ('score'), ('reference_score'), ('recency'), ('frequency'), ('rfm_quintiles'), ('bg_nbd')) p (predictor)
  LEFT JOIN figures f ON (f.as_of_date, f.horizon_days, f.predictor) = (t.as_of_date, t.horizon_days, p.predictor)
  LEFT JOIN figures r ON (r.as_of_date, r.horizon_days, r.predictor) = (t.as_of_date, t.horizon_days, 'recency')
  LEFT JOIN persistence s ON (s.as_of_date, s.predictor) = (t.as_of_date, p.predictor)
  LEFT JOIN intervals i ON (i.as_of_date, i.horizon_days, i.predictor) = (t.as_of_date, t.horizon_days, p.predictor);
