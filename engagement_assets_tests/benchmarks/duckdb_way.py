"""What a good SQL author would write by hand: the same tables for the same days in DuckDB, all days of a table at once.

The yardstick of `pipeline.py` for what this machine can do. It reads clean sources, keeps no rejected rows, runs no check,
publishes nothing atomically and records no run; it tells no reasons in words and has no audiences and no backtest.

    python -m engagement_assets_tests.benchmarks.duckdb_way DATA OUTPUT START FIRST LAST
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

SOURCES = """
CREATE TABLE source_customers AS
  SELECT customer_id, any_value(email) AS email, min(signup_date)::DATE AS signup_date, any_value(country) AS country
  FROM read_parquet($data || '/customers/**/*.parquet', union_by_name = true, hive_partitioning = false)
  WHERE customer_id IS NOT NULL GROUP BY customer_id;
CREATE TABLE raw_orders AS
  SELECT order_date::DATE AS as_of_date, order_id, customer_id, order_date::DATE AS order_date,
    order_amount::DECIMAL(18,2) AS order_amount
  FROM read_parquet($data || '/orders/**/*.parquet', union_by_name = true, hive_partitioning = false)
  WHERE order_amount >= 0 AND order_date::DATE BETWEEN $start::DATE AND $last::DATE
  QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY order_date) = 1;
CREATE TABLE raw_web_events AS
  SELECT event_time::DATE AS as_of_date, customer_id, event_time, event_type, event_id
  FROM read_json($data || '/web_events/**/*.*json*', format = 'newline_delimited', hive_partitioning = false, columns =
    {customer_id: 'VARCHAR', event_time: 'TIMESTAMP', event_type: 'VARCHAR', event_id: 'VARCHAR'})
  WHERE customer_id IS NOT NULL AND event_time::DATE BETWEEN $start::DATE AND $last::DATE
  QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY event_id ORDER BY event_time) = 1;
CREATE TABLE sessions AS
  WITH lagged AS (
    SELECT *, event_time - lag(event_time) OVER w <= INTERVAL 30 MINUTE AS continues,
      as_of_date = lag(as_of_date) OVER w AS same_day
    FROM raw_web_events WINDOW w AS (PARTITION BY customer_id ORDER BY event_time)),
  numbered AS (
    SELECT *, sum(CASE WHEN continues AND same_day THEN 0 ELSE 1 END) OVER
      (PARTITION BY customer_id ORDER BY event_time ROWS UNBOUNDED PRECEDING) AS part
    FROM lagged)
  SELECT as_of_date, customer_id, min(event_time) AS session_start, max(event_time) AS session_end,
    epoch_us(max(event_time) - min(event_time)) / 1e6 AS duration_seconds, count(*) AS events,
    count(*) FILTER (event_type = 'page_view') AS page_views,
    count(*) FILTER (event_type = 'add_to_cart') AS add_to_carts,
    count(*) FILTER (event_type = 'checkout') AS checkouts,
    duration_seconds > 10 OR page_views >= 2 OR checkouts >= 1 AS is_engaged,
    coalesce(bool_or(continues AND NOT same_day), false) AS continues_previous_day
  FROM numbered GROUP BY as_of_date, customer_id, part;
"""

SNAPSHOTS = """
CREATE TABLE days AS SELECT unnest(generate_series($first::DATE - 1, $last::DATE, INTERVAL 1 DAY))::DATE AS as_of_date;
CREATE TABLE raw_customers AS
  SELECT as_of_date, customer_id, email, signup_date, country FROM days JOIN source_customers ON signup_date <= as_of_date;
CREATE TABLE so_far AS
  SELECT customer_id, order_date, sum(count(*)) OVER w AS orders, sum(sum(order_amount)) OVER w AS revenue,
    min(order_date) OVER w AS first_order_date
  FROM raw_orders GROUP BY customer_id, order_date WINDOW w AS (PARTITION BY customer_id ORDER BY order_date);
CREATE TABLE order_aggregates AS
  SELECT c.as_of_date, c.customer_id, now.orders::BIGINT AS total_orders, now.revenue::DECIMAL(18,2) AS total_revenue,
    now.first_order_date, now.order_date AS last_order_date, coalesce(before.orders, 0)::BIGINT AS total_orders_30_days_before,
    coalesce(before.revenue, 0)::DECIMAL(18,2) AS total_revenue_30_days_before,
    before.order_date AS last_order_date_30_days_before
  FROM (SELECT *, as_of_date - 30 AS month_before FROM raw_customers) AS c
  ASOF JOIN so_far AS now ON now.customer_id = c.customer_id AND now.order_date <= c.as_of_date
  ASOF LEFT JOIN so_far AS before ON before.customer_id = c.customer_id AND before.order_date <= c.month_before;
CREATE TABLE windows AS
  WITH per_day AS (
    SELECT as_of_date AS day, customer_id, count(*) FILTER (NOT continues_previous_day) AS started,
      count(*) FILTER (continues_previous_day) AS carried,
      count(*) FILTER (NOT continues_previous_day AND is_engaged) AS engaged,
      sum(page_views) AS page_views, sum(add_to_carts) AS add_to_carts, sum(checkouts) AS checkouts
    FROM sessions GROUP BY ALL)
  SELECT d.as_of_date, customer_id,
    sum(started + CASE WHEN day = d.as_of_date - 29 THEN carried ELSE 0 END) FILTER (day > d.as_of_date - 30) AS recent,
    sum(started + CASE WHEN day = d.as_of_date - 59 THEN carried ELSE 0 END) FILTER (day <= d.as_of_date - 30) AS previous,
    sum(engaged) FILTER (day > d.as_of_date - 30) AS engaged,
    sum(page_views) FILTER (day > d.as_of_date - 30) AS page_views,
    sum(add_to_carts) FILTER (day > d.as_of_date - 30) AS add_to_carts,
    sum(checkouts) FILTER (day > d.as_of_date - 30) AS checkouts, max(day) AS last_session_date
  FROM days d JOIN per_day ON day BETWEEN d.as_of_date - 59 AND d.as_of_date GROUP BY ALL;
CREATE TABLE customer_features AS
  SELECT c.as_of_date, c.customer_id, country, signup_date, c.as_of_date - signup_date AS tenure_days,
    coalesce(total_orders, 0) AS total_orders, coalesce(total_revenue, 0)::DECIMAL(18,2) AS total_revenue,
    ((200 * total_revenue + total_orders)::BIGINT // (2 * total_orders) / 100)::DECIMAL(18,2) AS
      average_order_value, first_order_date, last_order_date,
    c.as_of_date - last_order_date AS recency_days, coalesce(recent, 0)::BIGINT AS sessions_last_30_days,
    coalesce(previous, 0)::BIGINT AS sessions_previous_30_days, coalesce(engaged, 0)::BIGINT AS engaged_sessions_last_30_days,
    coalesce(page_views, 0)::BIGINT AS page_views_last_30_days,
    coalesce(add_to_carts, 0)::BIGINT AS add_to_carts_last_30_days, coalesce(checkouts, 0)::BIGINT AS checkouts_last_30_days,
    last_session_date, coalesce(total_orders_30_days_before, 0) AS total_orders_30_days_before,
    coalesce(total_revenue_30_days_before, 0)::DECIMAL(18,2) AS total_revenue_30_days_before,
    c.as_of_date - 30 - last_order_date_30_days_before AS recency_days_30_days_before
  FROM raw_customers c LEFT JOIN order_aggregates USING (as_of_date, customer_id)
  LEFT JOIN windows USING (as_of_date, customer_id);
CREATE MACRO norm(x, low, high) AS CASE WHEN high > low THEN (x - low) / (high - low) ELSE 0.0 END;
CREATE MACRO fixed(x, high) AS least(greatest(x, 0), high) / high;
CREATE MACRO on_fixed_scale(recency, orders, sessions, revenue) AS
  0.4 * CASE WHEN recency IS NULL THEN 0 ELSE 1 - fixed(recency, 365.0) END
  + 0.3 * (0.6 * fixed(orders, 20.0) + 0.4 * fixed(sessions, 20.0))
  + 0.3 * least(ln(1 + revenue::DOUBLE) / ln(10001.0), 1);
CREATE TABLE engagement_scores AS
  WITH bounds AS (
    SELECT as_of_date, min(recency_days) AS r0, max(recency_days) AS r1, min(total_orders) AS o0, max(total_orders) AS o1,
      min(sessions_last_30_days) AS s0, max(sessions_last_30_days) AS s1,
      ln(1 + min(total_revenue)::DOUBLE) AS m0, ln(1 + max(total_revenue)::DOUBLE) AS m1,
      quantile_cont(total_revenue::DOUBLE, 0.75) FILTER (total_orders > 0) AS revenue_limit,
      quantile_cont(recency_days, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS rq,
      quantile_cont(total_orders, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS fq,
      quantile_cont(total_revenue::DOUBLE, [0.2, 0.4, 0.6, 0.8]) FILTER (total_orders > 0) AS mq
    FROM customer_features GROUP BY as_of_date),
  parts AS (
    SELECT f.*, revenue_limit, rq, fq, mq, coalesce(1 - norm(recency_days::DOUBLE, r0, r1), 0) AS recency_score,
      norm(total_orders::DOUBLE, o0, o1) AS order_score, norm(sessions_last_30_days::DOUBLE, s0, s1) AS session_score,
      0.6 * order_score + 0.4 * session_score AS frequency_score,
      norm(ln(1 + total_revenue::DOUBLE), m0, m1) AS monetary_score, 0.4 * recency_score AS recency_contribution,
      0.3 * frequency_score AS frequency_contribution, 0.3 * monetary_score AS monetary_contribution,
      recency_contribution + frequency_contribution + monetary_contribution AS engagement_score,
      on_fixed_scale(recency_days, total_orders, sessions_last_30_days, total_revenue) AS reference_score,
      CASE WHEN signup_date <= f.as_of_date - 30 THEN on_fixed_scale(recency_days_30_days_before,
        total_orders_30_days_before, sessions_previous_30_days, total_revenue_30_days_before) END
        AS reference_score_30_days_before
    FROM customer_features f JOIN bounds USING (as_of_date))
  SELECT * EXCLUDE (revenue_limit, rq, fq, mq), reference_score - reference_score_30_days_before AS reference_score_change,
    100 * cume_dist() OVER (PARTITION BY as_of_date ORDER BY engagement_score) AS score_percentile,
    CASE WHEN engagement_score >= 0.7 THEN 'High' WHEN engagement_score >= 0.4 THEN 'Medium'
      WHEN engagement_score >= 0.2 THEN 'Low' ELSE 'At Risk' END AS engagement_segment,
    CASE WHEN total_orders > 0 THEN 'Active' WHEN sessions_last_30_days > 0 THEN 'Browsing Only' ELSE 'Not Active' END
      AS engagement_status,
    CASE WHEN total_orders > 0 AND total_revenue >= revenue_limit THEN 'High' ELSE 'Low' END AS revenue_band,
    CASE WHEN revenue_band = 'High' AND engagement_segment = 'High' THEN 'VIPs'
      WHEN revenue_band = 'High' AND engagement_segment = 'Medium' THEN 'Core' WHEN revenue_band = 'High' THEN 'At-risk VIPs'
      WHEN engagement_segment IN ('High', 'Medium') THEN 'Converters-to-be' ELSE 'Dormant' END AS value_segment,
    CASE WHEN total_orders > 0 THEN 5 - len(list_filter(rq, lambda x: recency_days > x)) END AS rfm_recency,
    CASE WHEN total_orders > 0 THEN 1 + len(list_filter(fq, lambda x: total_orders > x)) END AS rfm_frequency,
    CASE WHEN total_orders > 0 THEN 1 + len(list_filter(mq, lambda x: total_revenue::DOUBLE > x)) END AS rfm_monetary,
    total_orders > 0 AND engagement_score < 0.3 AS is_high_risk
  FROM parts;
CREATE TABLE engagement_metrics AS
  SELECT as_of_date, count(*) AS customers, count(*) FILTER (total_orders > 0) AS buyers,
    avg(engagement_score) AS average_score, avg(reference_score) AS average_reference_score,
    avg(sessions_last_30_days) AS average_sessions_last_30_days, count(*) FILTER (is_high_risk) AS high_risk_customers,
    sum(total_revenue) AS total_revenue, count(*) FILTER (engagement_segment = 'High') AS segment_high
  FROM engagement_scores GROUP BY as_of_date;
CREATE TABLE segment_changes AS
  SELECT now.as_of_date, now.customer_id, before.engagement_segment AS previous_segment, now.engagement_segment,
    before.engagement_score AS previous_score, now.engagement_score, now.is_high_risk
  FROM engagement_scores now LEFT JOIN engagement_scores before
    ON before.customer_id = now.customer_id AND before.as_of_date = now.as_of_date - 1
  WHERE now.as_of_date >= $first::DATE AND (before.customer_id IS NULL
    OR before.engagement_segment != now.engagement_segment OR before.is_high_risk != now.is_high_risk);
"""

FACTS = ("raw_orders", "raw_web_events", "sessions")
DAILY = (
    "raw_customers",
    "order_aggregates",
    "customer_features",
    "engagement_scores",
    "engagement_metrics",
    "segment_changes",
)


def build(data: Path, output: Path, start: str, first: str, last: str) -> None:
    """Write every table as Parquet files, a folder a day, days in the order of their customers."""
    given = {"data": str(data), "start": start, "first": first, "last": last}
    output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for script in (SOURCES, SNAPSHOTS):
            for statement in connection.extract_statements(script):
                connection.execute(statement, {name: given[name] for name in statement.named_parameters})
        for table in (*FACTS, *DAILY):
            days = "" if table in FACTS else f"WHERE as_of_date >= DATE '{first}'"
            order = "as_of_date" if table == "engagement_metrics" else "as_of_date, customer_id"
            connection.execute(
                f"COPY (SELECT * FROM {table} {days} ORDER BY {order}) TO '{output}/{table}' "
                "(FORMAT parquet, PARTITION_BY (as_of_date), WRITE_PARTITION_COLUMNS, COMPRESSION zstd, OVERWRITE)"
            )


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
