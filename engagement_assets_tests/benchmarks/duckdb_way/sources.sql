-- From the files of the sources to facts: customers, orders, web events, sessions.

CREATE TABLE source_customers AS
  SELECT customer_id, any_value(email) AS email, min(signup_date)::DATE AS signup_date,
    coalesce(any_value(country), 'unknown') AS country
  FROM read_parquet($data || '/customers/**/*.parquet', union_by_name = true, hive_partitioning = false)
  GROUP BY customer_id;

CREATE TABLE raw_orders AS
  SELECT order_date::DATE AS as_of_date, order_id, customer_id, order_date, order_amount::DECIMAL(18,2) AS order_amount
  FROM read_parquet($data || '/orders/**/*.parquet', union_by_name = true, hive_partitioning = false)
  WHERE order_date::DATE BETWEEN $start::DATE AND $last::DATE
  QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY order_date) = 1;

-- In UTC: differences of times without a time zone are plain subtractions.
CREATE TABLE events AS
  SELECT event_time::DATE AS as_of_date, customer_id, event_time, event_type, event_id
  FROM read_json($data || '/web_events/**/*.*json*', format = 'newline_delimited', hive_partitioning = false, columns =
    {customer_id: 'VARCHAR', event_time: 'TIMESTAMP', event_type: 'VARCHAR', event_id: 'VARCHAR'})
  WHERE event_time::DATE BETWEEN $start::DATE AND $last::DATE
  QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY event_id ORDER BY event_time) = 1;

CREATE VIEW raw_web_events AS SELECT * REPLACE (event_time::TIMESTAMPTZ AS event_time) FROM events;

CREATE TABLE sessions AS
  WITH lagged AS (
    SELECT *, event_time - lag(event_time) OVER w <= INTERVAL 30 MINUTE AS continues,
      as_of_date = lag(as_of_date) OVER w AS same_day
    FROM events WINDOW w AS (PARTITION BY customer_id ORDER BY event_time)),
  numbered AS (
    SELECT *, sum(CASE WHEN continues AND same_day THEN 0 ELSE 1 END) OVER
      (PARTITION BY customer_id ORDER BY event_time ROWS UNBOUNDED PRECEDING) AS part
    FROM lagged)
  SELECT as_of_date, customer_id, min(event_time)::TIMESTAMPTZ AS session_start,
    max(event_time)::TIMESTAMPTZ AS session_end, epoch_us(max(event_time) - min(event_time)) / 1e6 AS duration_seconds,
    count(*) AS events, count(*) FILTER (event_type = 'page_view') AS page_views,
    count(*) FILTER (event_type = 'add_to_cart') AS add_to_carts,
    count(*) FILTER (event_type = 'checkout') AS checkouts,
    duration_seconds > 10 OR page_views >= 2 OR checkouts >= 1 AS is_engaged,
    coalesce(bool_or(continues AND NOT same_day), false) AS continues_previous_day
  FROM numbered GROUP BY as_of_date, customer_id, part;
