-- Who moved since the day before, and why.

CREATE MACRO unit(low, high) AS CASE WHEN high > low THEN 1.0 / (high - low) ELSE 0.0 END;
CREATE MACRO place(value, low, per_unit) AS (value - low) * per_unit;
CREATE MACRO recency_part(recency, low, per_unit) AS
  CASE WHEN recency IS NULL THEN 0 ELSE 0.4 * (1.0 - place(recency, low, per_unit)) END;
-- The mean of both orders in which a value and its scale may have moved. A text rounds its numbers, half a thousandth upwards,
-- and 0.12 of one session in sixteen is such a half: the operations are in the order of the definition.
CREATE MACRO by_value(weight, value_0, value_1, unit_0, unit_1) AS
  weight * ((value_1 - value_0) * ((unit_0 + unit_1) / 2.0));
CREATE MACRO by_scale(weight, value_0, value_1, low_0, low_1, unit_0, unit_1) AS
  ((weight * place(value_0, low_1, unit_1) - weight * place(value_0, low_0, unit_0))
    + (weight * place(value_1, low_1, unit_1) - weight * place(value_1, low_0, unit_0))) / 2.0;
CREATE MACRO thousandths(amount) AS floor(abs(amount) * 1000 + 0.5)::BIGINT;
CREATE MACRO signed(amount) AS printf('%s%d.%03d', CASE WHEN amount < 0 THEN '-' ELSE '+' END,
  thousandths(amount) // 1000, thousandths(amount) % 1000);
CREATE MACRO cause(told, amount) AS CASE WHEN abs(amount) >= 0.0005 THEN told || ' (' || signed(amount) || ')' END;
CREATE MACRO more(number, noun) AS
  abs(number) || CASE WHEN number > 0 THEN ' more ' ELSE ' fewer ' END || noun || CASE WHEN abs(number) = 1 THEN '' ELSE 's' END;

CREATE TABLE segment_changes AS
  WITH scales AS (
    SELECT as_of_date, coalesce(recency_low, 0) AS recency_low, coalesce(unit(recency_low, recency_high), 0) AS recency_unit,
      orders_low, unit(orders_low, orders_high) AS orders_unit, sessions_low,
      unit(sessions_low, sessions_high) AS sessions_unit, money_low, unit(money_low, money_high) AS money_unit
    FROM bounds),
  standing AS (
    SELECT as_of_date, customer_id, engagement_segment, is_high_risk, is_slipping, lifecycle_stage, engagement_score, recency_days,
      total_orders, sessions_last_30_days AS sessions, total_revenue
    FROM engagement_scores),
  moved AS (
    SELECT n.*, b.* RENAME (as_of_date AS day_before, customer_id AS customer_before,
        engagement_segment AS previous_segment, is_high_risk AS previous_is_high_risk, is_slipping AS previous_is_slipping,
        lifecycle_stage AS previous_lifecycle_stage, engagement_score AS previous_score, recency_days AS recency_0,
        total_orders AS orders_0, sessions AS sessions_0, total_revenue AS revenue_0)
    FROM standing n LEFT JOIN standing b ON b.customer_id = n.customer_id AND b.as_of_date = n.as_of_date - 1
    WHERE n.as_of_date >= $first::DATE AND n.as_of_date > $start::DATE AND (b.customer_id IS NULL
      OR b.engagement_segment != n.engagement_segment OR b.is_high_risk != n.is_high_risk OR b.is_slipping != n.is_slipping
      OR b.lifecycle_stage != n.lifecycle_stage)),
  recency AS (
    SELECT m.*, s1.* EXCLUDE (as_of_date), s0.* EXCLUDE (as_of_date) RENAME (recency_low AS recency_low_0,
        recency_unit AS recency_unit_0, orders_low AS orders_low_0, orders_unit AS orders_unit_0,
        sessions_low AS sessions_low_0, sessions_unit AS sessions_unit_0, money_low AS money_low_0,
        money_unit AS money_unit_0),
      CASE WHEN day_before IS NOT NULL THEN recency_part(recency_0, s0.recency_low, s0.recency_unit) END AS part_00,
      recency_part(recency_0, s1.recency_low, s1.recency_unit) AS part_01,
      recency_part(recency_days, s0.recency_low, s0.recency_unit) AS part_10,
      recency_part(recency_days, s1.recency_low, s1.recency_unit) AS part_11
    FROM moved m LEFT JOIN scales s0 ON s0.as_of_date = m.day_before JOIN scales s1 ON s1.as_of_date = m.as_of_date),
  split AS (
    SELECT *, engagement_score - previous_score AS score_change,
      CASE WHEN day_before IS NULL THEN NULL WHEN recency_0 IS NULL THEN 0
        ELSE -0.4 * ((recency_unit_0 + recency_unit) / 2.0) END AS recency_ageing,
      ((part_10 - part_00) + (part_11 - part_01)) / 2.0 - recency_ageing AS recency_behaviour,
      by_value(0.18, orders_0, total_orders, orders_unit_0, orders_unit) AS orders_behaviour,
      by_value(0.12, sessions_0, sessions, sessions_unit_0, sessions_unit) AS sessions_behaviour,
      by_value(0.3, ln(1 + revenue_0::DOUBLE), ln(1 + total_revenue::DOUBLE), money_unit_0, money_unit)
        AS monetary_behaviour,
      ((part_01 - part_00) + (part_11 - part_10)) / 2.0 AS recency_rescaling,
      by_scale(0.18, orders_0, total_orders, orders_low_0, orders_low, orders_unit_0, orders_unit) AS orders_rescaling,
      by_scale(0.12, sessions_0, sessions, sessions_low_0, sessions_low, sessions_unit_0, sessions_unit)
        AS sessions_rescaling,
      by_scale(0.3, ln(1 + revenue_0::DOUBLE), ln(1 + total_revenue::DOUBLE), money_low_0, money_low, money_unit_0,
        money_unit) AS monetary_rescaling,
      orders_rescaling + sessions_rescaling + monetary_rescaling AS by_others,
      recency_ageing + recency_behaviour AS by_dates, total_revenue - revenue_0 AS spent,
      concat_ws(', ',
        CASE WHEN previous_segment = engagement_segment THEN engagement_segment
          ELSE previous_segment || ' to ' || engagement_segment END,
        CASE WHEN is_high_risk AND NOT previous_is_high_risk THEN 'now at high risk'
          WHEN previous_is_high_risk AND NOT is_high_risk THEN 'no longer at high risk' END,
        CASE WHEN is_slipping AND NOT previous_is_slipping THEN 'now slipping'
          WHEN previous_is_slipping AND NOT is_slipping THEN 'no longer slipping' END,
        CASE WHEN previous_lifecycle_stage != lifecycle_stage
          THEN 'stage ' || previous_lifecycle_stage || ' to ' || lifecycle_stage END) AS move,
      concat_ws(', ',
        cause(CASE WHEN total_orders != orders_0 AND recency_0 IS NULL THEN 'first order'
          WHEN total_orders != orders_0 THEN 'ordered again'
          ELSE counted(recency_days, 'day') || ' since the last order' END, by_dates),
        cause(more(total_orders - orders_0, 'order'), orders_behaviour),
        cause(more(sessions - sessions_0, 'session'), sessions_behaviour),
        cause('revenue ' || CASE WHEN spent < 0 THEN '-' ELSE '+' END || abs(spent), monetary_behaviour),
        cause(CASE WHEN by_others < 0 THEN 'others rose' ELSE 'others fell' END, by_others),
        cause('the recency scale moved', recency_rescaling)) AS causes
    FROM recency)
  SELECT as_of_date, customer_id,
    CASE WHEN previous_score IS NULL THEN 'New' WHEN score_change > 0 THEN 'Up' WHEN score_change < 0 THEN 'Down'
      ELSE 'Level' END AS movement,
    previous_segment, engagement_segment, previous_is_high_risk, is_high_risk, previous_is_slipping,
    is_slipping, previous_lifecycle_stage, lifecycle_stage,
    previous_score, engagement_score, score_change,
    recency_ageing AS ageing,
    recency_behaviour + orders_behaviour + sessions_behaviour + monetary_behaviour AS behaviour,
    recency_rescaling + orders_rescaling + sessions_rescaling + monetary_rescaling AS rescaling,
    recency_ageing, COLUMNS('^(recency|orders|sessions|monetary)_(behaviour|rescaling)$'),
    CASE WHEN previous_score IS NULL THEN 'new customer, ' || engagement_segment WHEN causes = '' THEN move
      ELSE move || ': ' || causes END AS explanation
  FROM split;
