-- Scores, segments, stages, risk, and the totals of each day.

CREATE MACRO norm(x, low, high) AS CASE WHEN high > low THEN (x - low) / (high - low) ELSE 0.0 END;
CREATE MACRO fixed(x, high) AS least(greatest(x, 0), high) / high;
CREATE MACRO on_fixed_scale(recency, orders, sessions, revenue) AS
  0.4 * CASE WHEN recency IS NULL THEN 0 ELSE 1 - fixed(recency, 365.0) END
  + 0.3 * (0.6 * fixed(orders, 20.0) + 0.4 * fixed(sessions, 20.0))
  + 0.3 * least(ln(1 + revenue::DOUBLE) / ln(10001.0), 1);
CREATE MACRO passed(x, limits_1, limits_2, limits_3, limits_4) AS
  (x > limits_1)::INTEGER + (x > limits_2)::INTEGER + (x > limits_3)::INTEGER + (x > limits_4)::INTEGER;
CREATE MACRO counted(number, noun) AS number || ' ' || noun || CASE WHEN number = 1 THEN '' ELSE 's' END;

CREATE TABLE bounds AS
  WITH found AS (
    SELECT as_of_date, min(recency_days)::DOUBLE AS recency_low, max(recency_days)::DOUBLE AS recency_high,
      min(total_orders)::DOUBLE AS orders_low, max(total_orders)::DOUBLE AS orders_high,
      min(sessions_last_30_days)::DOUBLE AS sessions_low, max(sessions_last_30_days)::DOUBLE AS sessions_high,
      ln(1 + min(total_revenue)::DOUBLE) AS money_low, ln(1 + max(total_revenue)::DOUBLE) AS money_high,
      quantile_cont(total_revenue::DOUBLE, 0.75) FILTER (total_orders > 0) AS revenue_limit,
      quantile_cont(recency_days::DOUBLE, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS r,
      quantile_cont(total_orders::DOUBLE, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS f,
      quantile_cont(total_revenue::DOUBLE, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS m
    FROM customer_features GROUP BY as_of_date)
  SELECT * EXCLUDE (r, f, m), r[1] AS r1, r[2] AS r2, r[3] AS r3, r[4] AS r4, f[1] AS f1, f[2] AS f2, f[3] AS f3,
    f[4] AS f4, m[1] AS m1, m[2] AS m2, m[3] AS m3, m[4] AS m4
  FROM found;

CREATE TABLE engagement_scores AS
  WITH parts AS (
    SELECT f.*, coalesce(1 - norm(recency_days::DOUBLE, recency_low, recency_high), 0) AS recency_score,
      norm(total_orders::DOUBLE, orders_low, orders_high) AS order_score,
      norm(sessions_last_30_days::DOUBLE, sessions_low, sessions_high) AS session_score,
      0.6 * order_score + 0.4 * session_score AS frequency_score,
      norm(ln(1 + total_revenue::DOUBLE), money_low, money_high) AS monetary_score,
      0.4 * recency_score AS recency_contribution, 0.3 * frequency_score AS frequency_contribution,
      0.3 * monetary_score AS monetary_contribution,
      recency_contribution + frequency_contribution + monetary_contribution AS engagement_score,
      on_fixed_scale(recency_days, total_orders, sessions_last_30_days, total_revenue) AS reference_score,
      CASE WHEN signup_date <= f.as_of_date - 30 THEN on_fixed_scale(recency_days_30_days_before,
        total_orders_30_days_before, sessions_previous_30_days, total_revenue_30_days_before) END
        AS reference_score_30_days_before,
      floor(100 * (reference_score_30_days_before - reference_score) + 0.5)::BIGINT AS hundredths_lost,
      floor(100 * r.chance + 0.5)::BIGINT AS percent,
      (200 * r.came_back + r.customers) // greatest(2 * r.customers, 1) AS share, total_orders > 0 AS buys, buys AND total_revenue::DOUBLE >= revenue_limit AS is_valuable,
      r.chance AS return_chance, r.customers AS return_chance_customers,
      CASE WHEN r.chance IS NOT NULL THEN NULL WHEN NOT buys THEN 'never ordered'
        WHEN f.as_of_date < known_from THEN 'too early to tell, until ' || known_from
        ELSE 'nobody had ordered 90 days before' END AS return_chance_missing,
      CASE WHEN buys THEN decayed_revenue * r.revenue_factor END AS expected_revenue_90_days,
      CASE WHEN buys THEN 5 - passed(recency_days, r1, r2, r3, r4) END AS rfm_recency,
      CASE WHEN buys THEN 1 + passed(total_orders, f1, f2, f3, f4) END AS rfm_frequency,
      CASE WHEN buys THEN 1 + passed(total_revenue::DOUBLE, m1, m2, m3, m4) END AS rfm_monetary
    FROM customer_features f JOIN bounds USING (as_of_date)
    CROSS JOIN (SELECT DATE '1970-01-01' + (90 + 15 * (($start::DATE + 44 - DATE '1970-01-01') // 15))::INTEGER AS known_from)
    LEFT JOIN return_rates r ON r.as_of_date = f.as_of_date AND r.silence_from_days = silence_band(recency_days)
      AND r.order_days_from = order_band(f.order_days))
  SELECT * EXCLUDE (hundredths_lost, percent, share, buys, is_valuable, rfm_recency, rfm_frequency, rfm_monetary),
    reference_score - reference_score_30_days_before AS reference_score_change,
    100 * cume_dist() OVER (PARTITION BY as_of_date ORDER BY engagement_score) AS score_percentile,
    CASE WHEN engagement_score >= 0.7 THEN 'High' WHEN engagement_score >= 0.4 THEN 'Medium'
      WHEN engagement_score >= 0.2 THEN 'Low' ELSE 'At Risk' END AS engagement_segment,
    CASE WHEN buys THEN 'Active' WHEN sessions_last_30_days > 0 THEN 'Browsing Only' ELSE 'Not Active' END
      AS engagement_status,
    CASE WHEN is_valuable THEN 'High' ELSE 'Low' END AS revenue_band,
    CASE WHEN NOT buys THEN CASE WHEN engaged_sessions_last_30_days >= 2 THEN 'Converters-to-be' ELSE 'Dormant' END
      WHEN is_valuable AND engagement_segment = 'High' THEN 'VIPs'
      WHEN is_valuable AND engagement_segment = 'Medium' THEN 'Core' WHEN is_valuable THEN 'At-risk VIPs'
      WHEN engagement_segment IN ('High', 'Medium') THEN 'Converters-to-be' ELSE 'Dormant' END AS value_segment,
    CASE WHEN NOT buys THEN 'Prospect' WHEN as_of_date - first_order_date <= 30 THEN 'New'
      WHEN recency_days <= 30 AND recency_days_30_days_before >= 120 THEN 'Reactivated'
      WHEN recency_days <= 30 THEN 'Active' WHEN recency_days < 120 THEN 'Slipping' ELSE 'Lapsed' END AS lifecycle_stage,
    rfm_recency, rfm_frequency, rfm_monetary,
    CASE WHEN NOT buys THEN 'Prospects'
      WHEN rfm_recency <= 2 AND rfm_frequency <= 2 THEN 'Hibernating'
      WHEN rfm_recency <= 2 AND rfm_frequency <= 4 THEN 'At Risk' WHEN rfm_recency <= 2 THEN 'Cannot Lose Them'
      WHEN rfm_recency = 3 AND rfm_frequency <= 2 THEN 'About to Sleep'
      WHEN rfm_recency = 3 AND rfm_frequency = 3 THEN 'Need Attention'
      WHEN rfm_recency = 5 AND rfm_frequency >= 4 THEN 'Champions' WHEN rfm_frequency >= 4 THEN 'Loyal Customers'
      WHEN rfm_frequency >= 2 THEN 'Potential Loyalists' WHEN rfm_recency = 4 THEN 'Promising'
      ELSE 'New Customers' END AS rfm_segment,
    buys AND engagement_score < 0.3 AND recency_days > 30 AND sessions_last_30_days <= 1 AS is_high_risk,
    buys AND order_days >= 2 AND recency_days BETWEEN 31 AND 119 AS is_slipping,
    CASE WHEN is_slipping THEN concat_ws('; ',
      'usually orders every ' || CASE WHEN usual_gap_days < 1.5 THEN 'day'
        ELSE floor(usual_gap_days + 0.5)::BIGINT || ' days' END || ', silent for ' || recency_days,
      CASE WHEN sessions_last_30_days < sessions_previous_30_days THEN counted(sessions_previous_30_days, 'session')
        || ' 31 to 60 days ago, ' || CASE WHEN sessions_last_30_days = 0 THEN 'none' ELSE sessions_last_30_days::VARCHAR END
        || ' since' END,
      CASE WHEN return_chance_customers >= 20 THEN 'of ' || return_chance_customers || ' such customers '
          || share || ' % came back within 90 days'
        WHEN return_chance IS NOT NULL THEN 'return chance ' || percent || ' %, by customers much like them' END) END
      AS slipping_reasons,
    CASE WHEN is_high_risk THEN concat_ws('; ', 'no order for ' || counted(recency_days, 'day'),
      CASE WHEN sessions_last_30_days < sessions_previous_30_days THEN 'sessions down '
        || (200 * (sessions_previous_30_days - sessions_last_30_days) + sessions_previous_30_days)
          // (2 * sessions_previous_30_days) || ' % on the 30 days before' END,
      CASE WHEN hundredths_lost >= 1 THEN printf('score down %d.%02d in 30 days', hundredths_lost // 100,
        hundredths_lost % 100) END) END AS risk_reasons
  FROM parts;

CREATE TABLE engagement_metrics AS
  SELECT as_of_date, count(*) AS customers, count(*) FILTER (total_orders > 0) AS buyers,
    avg(engagement_score) AS average_score, avg(reference_score) AS average_reference_score,
    avg(recency_contribution) AS average_recency_contribution,
    avg(frequency_contribution) AS average_frequency_contribution,
    avg(monetary_contribution) AS average_monetary_contribution,
    avg(sessions_last_30_days) AS average_sessions_last_30_days,
    count(*) FILTER (is_high_risk) AS high_risk_customers, high_risk_customers / customers AS high_risk_share,
    sum(total_revenue)::DECIMAL(18,2) AS total_revenue,
    coalesce(sum(total_revenue) FILTER (is_high_risk), 0)::DECIMAL(18,2) AS revenue_at_risk,
    count(*) FILTER (is_slipping) AS slipping_customers,
    coalesce(sum(revenue_last_365_days) FILTER (is_slipping), 0)::DECIMAL(18,2) AS slipping_revenue,
    CASE WHEN count(expected_revenue_90_days) > 0
      THEN coalesce(sum(expected_revenue_90_days) FILTER (is_slipping), 0) END AS expected_revenue_slipping,
    count(*) FILTER (engagement_segment = 'High') AS segment_high,
    count(*) FILTER (engagement_segment = 'Medium') AS segment_medium,
    count(*) FILTER (engagement_segment = 'Low') AS segment_low,
    count(*) FILTER (engagement_segment = 'At Risk') AS segment_at_risk,
    count(*) FILTER (engagement_status = 'Active') AS status_active,
    count(*) FILTER (engagement_status = 'Browsing Only') AS status_browsing_only,
    count(*) FILTER (engagement_status = 'Not Active') AS status_not_active,
    count(*) FILTER (value_segment = 'VIPs') AS value_vips,
    count(*) FILTER (value_segment = 'Converters-to-be') AS value_converters_to_be,
    count(*) FILTER (value_segment = 'Core') AS value_core,
    count(*) FILTER (value_segment = 'At-risk VIPs') AS value_at_risk_vips,
    count(*) FILTER (value_segment = 'Dormant') AS value_dormant
  FROM engagement_scores GROUP BY as_of_date;
