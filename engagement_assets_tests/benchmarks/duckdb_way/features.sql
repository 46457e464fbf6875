-- What is known of each customer at the end of each day; the day before the first one too, for the changes of the first.

CREATE TABLE days AS
  SELECT unnest(generate_series($first::DATE - 1, $last::DATE, INTERVAL 1 DAY))::DATE AS as_of_date;

CREATE TABLE raw_customers AS
  SELECT as_of_date, customer_id, email, signup_date, country FROM days JOIN source_customers ON signup_date <= as_of_date;

CREATE TABLE so_far AS
  SELECT customer_id, order_date, sum(count(*)) OVER w AS orders, sum(sum(order_amount)) OVER w AS revenue,
    sum(sum(order_amount)::DOUBLE * exp((order_date - $start::DATE) / 180.0)) OVER w AS weighed,
    min(order_date) OVER w AS first_order_date, row_number() OVER w AS order_days
  FROM (SELECT customer_id, as_of_date AS order_date, order_amount FROM raw_orders)
  GROUP BY customer_id, order_date WINDOW w AS (PARTITION BY customer_id ORDER BY order_date);

CREATE TABLE order_aggregates AS
  SELECT c.as_of_date, c.customer_id, now.orders::BIGINT AS total_orders, now.revenue::DECIMAL(18,2) AS total_revenue,
    now.order_days, (now.revenue - coalesce(year.revenue, 0))::DECIMAL(18,2) AS revenue_last_365_days,
    now.weighed * exp(($start::DATE - c.as_of_date) / 180.0) AS decayed_revenue,
    now.first_order_date, now.order_date AS last_order_date,
    coalesce(before.orders, 0)::BIGINT AS total_orders_30_days_before,
    coalesce(before.revenue, 0)::DECIMAL(18,2) AS total_revenue_30_days_before,
    before.order_date AS last_order_date_30_days_before
  FROM (SELECT as_of_date, customer_id, as_of_date - 30 AS month_before, as_of_date - 365 AS year_before
    FROM raw_customers) AS c
  ASOF JOIN so_far AS now ON now.customer_id = c.customer_id AND now.order_date <= c.as_of_date
  ASOF LEFT JOIN so_far AS before ON before.customer_id = c.customer_id AND before.order_date <= c.month_before
  ASOF LEFT JOIN so_far AS year ON year.customer_id = c.customer_id AND year.order_date <= c.year_before;

CREATE TABLE windows AS
  WITH per_day AS (
    SELECT as_of_date AS day, customer_id, count(*) FILTER (NOT continues_previous_day) AS started,
      count(*) FILTER (continues_previous_day) AS carried,
      count(*) FILTER (NOT continues_previous_day AND is_engaged) AS engaged_started,
      count(*) FILTER (continues_previous_day AND is_engaged) AS engaged_carried,
      sum(page_views) AS page_views, sum(add_to_carts) AS add_to_carts, sum(checkouts) AS checkouts
    FROM sessions GROUP BY ALL)
  SELECT d.as_of_date, customer_id,
    sum(started + CASE WHEN day = d.as_of_date - 29 THEN carried ELSE 0 END) FILTER (day > d.as_of_date - 30) AS recent,
    sum(started + CASE WHEN day = d.as_of_date - 59 THEN carried ELSE 0 END) FILTER (day <= d.as_of_date - 30) AS previous,
    sum(started + CASE WHEN day = d.as_of_date - 6 THEN carried ELSE 0 END) FILTER (day > d.as_of_date - 7) AS week,
    sum(engaged_started + CASE WHEN day = d.as_of_date - 29 THEN engaged_carried ELSE 0 END)
      FILTER (day > d.as_of_date - 30) AS engaged,
    sum(page_views) FILTER (day > d.as_of_date - 30) AS page_views,
    sum(add_to_carts) FILTER (day > d.as_of_date - 30) AS add_to_carts,
    sum(checkouts) FILTER (day > d.as_of_date - 30) AS checkouts, max(day) AS last_session_date
  FROM days d JOIN per_day ON day BETWEEN d.as_of_date - 59 AND d.as_of_date GROUP BY ALL;

CREATE TABLE customer_features AS
  SELECT c.as_of_date, c.customer_id, country, signup_date, (c.as_of_date - signup_date)::INTEGER AS tenure_days,
    coalesce(total_orders, 0) AS total_orders, coalesce(total_revenue, 0)::DECIMAL(18,2) AS total_revenue,
    coalesce(order_days, 0) AS order_days, coalesce(revenue_last_365_days, 0)::DECIMAL(18,2) AS revenue_last_365_days,
    coalesce(decayed_revenue, 0) AS decayed_revenue,
    CASE WHEN order_days >= 2 THEN (last_order_date - first_order_date + 2 * shop_gap) / (order_days + 1) END
      AS usual_gap_days,
    ((200 * total_revenue + total_orders)::BIGINT // (2 * total_orders) / 100)::DECIMAL(18,2) AS average_order_value,
    first_order_date, last_order_date, (c.as_of_date - last_order_date)::INTEGER AS recency_days,
    coalesce(recent, 0)::BIGINT AS sessions_last_30_days, coalesce(previous, 0)::BIGINT AS sessions_previous_30_days,
    coalesce(week, 0)::BIGINT AS sessions_last_7_days,
    coalesce(engaged, 0)::BIGINT AS engaged_sessions_last_30_days,
    coalesce(page_views, 0)::BIGINT AS page_views_last_30_days,
    coalesce(add_to_carts, 0)::BIGINT AS add_to_carts_last_30_days,
    coalesce(checkouts, 0)::BIGINT AS checkouts_last_30_days, last_session_date,
    (c.as_of_date - last_session_date)::INTEGER AS days_since_last_session,
    coalesce(total_orders_30_days_before, 0) AS total_orders_30_days_before,
    coalesce(total_revenue_30_days_before, 0)::DECIMAL(18,2) AS total_revenue_30_days_before,
    (c.as_of_date - 30 - last_order_date_30_days_before)::INTEGER AS recency_days_30_days_before
  FROM raw_customers c LEFT JOIN order_aggregates USING (as_of_date, customer_id)
  LEFT JOIN windows USING (as_of_date, customer_id)
  LEFT JOIN (SELECT as_of_date, sum(last_order_date - first_order_date) / sum(order_days - 1) AS shop_gap
    FROM order_aggregates WHERE order_days >= 2 GROUP BY as_of_date) USING (as_of_date);

DROP TABLE windows;
