-- Whom to address, why, and whether today.

CREATE TABLE audiences (audience VARCHAR, recommended_action VARCHAR);
INSERT INTO audiences VALUES ('abandoned_cart', 'Remind of the cart'),
  ('save_slipping', 'Win back while they can be saved: a personal offer, and ask what is missing'),
  ('win_back_vips', 'Win back with a personal offer'), ('second_order', 'Ask for a second order: what fits the first one'),
  ('reward_vips', 'Reward and give early access'), ('welcome_new', 'Welcome and show what there is'),
  ('convert_browsers', 'Offer a first order'), ('wake_dormant', 'Wake with a reminder');

CREATE MACRO share_of(text) AS ('0x' || left(sha256(text), 8))::BIGINT / 4294967296;
CREATE TABLE draws AS
  SELECT customer_id, audience, recommended_action,
    share_of('1/' || audience || '/' || customer_id) < 0.1 AS is_holdout, slot
  FROM (SELECT customer_id, floor(share_of('contact/' || customer_id) * 7)::BIGINT AS slot FROM source_customers)
  CROSS JOIN audiences;

CREATE TABLE campaign_audiences AS
  WITH carts AS (
    SELECT DISTINCT customer_id, as_of_date AS cart_date FROM sessions WHERE add_to_carts > 0 AND checkouts = 0),
  members AS (
    SELECT s.*, CASE WHEN cart_date >= s.as_of_date - 6 AND (last_order_date IS NULL OR last_order_date < cart_date)
        THEN s.as_of_date - cart_date END AS cart_days,
      CASE WHEN cart_days IS NOT NULL THEN 'abandoned_cart' WHEN is_slipping THEN 'save_slipping'
        WHEN value_segment IN ('VIPs', 'At-risk VIPs') AND recency_days > 30 THEN 'win_back_vips'
        WHEN value_segment = 'VIPs' THEN 'reward_vips'
        WHEN order_days = 1 AND recency_days BETWEEN 14 AND 60 THEN 'second_order'
        WHEN lifecycle_stage = 'New' OR lifecycle_stage = 'Prospect' AND tenure_days < 7 THEN 'welcome_new'
        WHEN total_orders = 0 AND engaged_sessions_last_30_days >= 2 THEN 'convert_browsers'
        WHEN value_segment = 'Dormant' AND recency_days >= 60 THEN 'wake_dormant' END AS audience
    FROM engagement_scores s ASOF LEFT JOIN carts ON carts.customer_id = s.customer_id AND cart_date <= s.as_of_date
    WHERE s.as_of_date >= $first::DATE),
  valued AS (
    SELECT *,
      CASE audience WHEN 'abandoned_cart' THEN coalesce(average_order_value, 0)
        WHEN 'convert_browsers' THEN engaged_sessions_last_30_days + 2 * add_to_carts_last_30_days
        WHEN 'save_slipping' THEN revenue_last_365_days
        ELSE coalesce(expected_revenue_90_days, 0) END::DOUBLE AS value,
      CASE WHEN audience IN ('abandoned_cart', 'save_slipping') THEN 1
        WHEN audience IN ('welcome_new', 'convert_browsers') THEN 1 - engagement_score
        ELSE coalesce(1 - return_chance, greatest(-coalesce(reference_score_change, 0), 0.01)) END::DOUBLE AS drop_share
    FROM members JOIN draws USING (customer_id, audience))
  SELECT as_of_date, audience, customer_id, recommended_action,
    CASE audience
      WHEN 'abandoned_cart' THEN 'left a cart ' || counted(cart_days, 'day') || ' ago and has not ordered since; '
        || counted(total_orders, 'order') || ' so far'
      WHEN 'save_slipping' THEN slipping_reasons || '; spent ' || revenue_last_365_days || ' in a year'
      WHEN 'win_back_vips' THEN 'spent ' || total_revenue || ' in ' || counted(total_orders, 'order') || '; '
        || counted(recency_days, 'day') || ' since the last'
      WHEN 'second_order' THEN 'ordered on one day, ' || counted(recency_days, 'day') || ' ago, for ' || total_revenue
        || '; no second order yet'
      WHEN 'reward_vips' THEN 'spent ' || total_revenue || ' in ' || counted(total_orders, 'order') || ', the last '
        || counted(recency_days, 'day') || ' ago'
      WHEN 'welcome_new' THEN 'signed up ' || counted(tenure_days, 'day') || ' ago; ' || counted(total_orders, 'order')
        || ' so far'
      WHEN 'convert_browsers' THEN counted(engaged_sessions_last_30_days, 'engaged session') || ' and '
        || counted(page_views_last_30_days, 'page view') || ' of late, no order yet'
      ELSE counted(recency_days, 'day') || ' since the last of ' || counted(total_orders, 'order') || '; spent '
        || total_revenue END AS evidence,
    value * drop_share AS priority, value, drop_share, country, value_segment, lifecycle_stage, engagement_score, is_holdout,
    (as_of_date - DATE '1970-01-01') % 7 = slot AS is_contact_day, is_contact_day AND NOT is_holdout AS is_to_contact
  FROM valued;
