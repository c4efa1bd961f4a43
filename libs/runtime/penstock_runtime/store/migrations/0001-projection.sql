-- The projection of the log: sessions, market data, signals, orders, money, audit
-- depends:

-- Conventions. Times are bigint nanoseconds UTC, as in the log; penstock_time() shows them. Prices, sizes
-- and money are NUMERIC without precision: exactly what the log says. `sequence` is the place in the log
-- of the message that made the row: it orders what happened at the same time. Rows of market data and of
-- other time series carry their time in every unique key, so that the tables can become hypertables.

-- migrate: apply

CREATE FUNCTION penstock_time(ns bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN timestamptz '1970-01-01 00:00:00+00' + (ns / 1000) * interval '1 microsecond';

CREATE TABLE sessions (
    session text PRIMARY KEY,
    epoch bigint NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    config_hash text NOT NULL,
    code_hash text NOT NULL,
    config text,
    stop_reason text,
    outputs json
);

CREATE TABLE cursors (
    session text NOT NULL,
    recorder text NOT NULL,
    partition integer NOT NULL,
    sequence bigint NOT NULL,
    mark bigint NOT NULL,
    cursor text NOT NULL,
    PRIMARY KEY (session, recorder, partition)
);

-- Market data

CREATE TABLE trades (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    ts_event bigint NOT NULL,
    price numeric NOT NULL,
    size numeric NOT NULL,
    side text,
    flags smallint NOT NULL,
    trade_id text,
    source text NOT NULL
);
CREATE INDEX trades_instrument_ts ON trades (instrument, ts);

CREATE TABLE quotes (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    ts_event bigint NOT NULL,
    bid numeric NOT NULL,
    ask numeric NOT NULL,
    bid_size numeric,
    ask_size numeric,
    flags smallint NOT NULL,
    source text NOT NULL
);
CREATE INDEX quotes_instrument_ts ON quotes (instrument, ts);

CREATE TABLE book_changes (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    ts_event bigint NOT NULL,
    action text,
    side text,
    price numeric NOT NULL,
    size numeric NOT NULL,
    first_update_id bigint NOT NULL,
    last_update_id bigint NOT NULL,
    source text NOT NULL
);
CREATE INDEX book_changes_instrument_ts ON book_changes (instrument, ts);

CREATE TABLE bars (
    session text NOT NULL,
    instrument text NOT NULL,
    interval bigint NOT NULL,
    ts bigint NOT NULL,
    ts_init bigint NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    trades bigint,
    vwap double precision,
    flags smallint NOT NULL,
    source text NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX bars_instrument_interval_ts ON bars (instrument, interval, ts);

CREATE TABLE liquidations (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ts_event bigint NOT NULL,
    side text NOT NULL,
    price numeric NOT NULL,
    quantity numeric NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE fundings (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ts_event bigint NOT NULL,
    rate numeric NOT NULL,
    ts_next bigint,
    source text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE rates (
    session text NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ts_event bigint NOT NULL,
    rate numeric NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE instruments (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    settlement text NOT NULL,
    definition json NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE instrument_statuses (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ts_event bigint NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE gaps (
    session text NOT NULL,
    instrument text,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ts_from bigint NOT NULL,
    ts_to bigint NOT NULL,
    reason text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

-- Features

CREATE TABLE features (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    trigger text NOT NULL,
    interval bigint,
    set_version text NOT NULL,
    names text[] NOT NULL,
    values double precision[] NOT NULL
);
CREATE INDEX features_instrument_ts ON features (instrument, ts);

CREATE TABLE regimes (
    session text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    regime text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

-- Signals

CREATE TABLE signals (
    session text NOT NULL,
    signal_id text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    ordinal bigint NOT NULL,
    side text NOT NULL,
    confidence double precision NOT NULL,
    target_kind text NOT NULL,
    target numeric NOT NULL,
    price numeric NOT NULL,
    style json NOT NULL,
    regime text,
    model_version text,
    features_ref text NOT NULL,
    metadata json NOT NULL,
    outcome text,
    reason text,
    superseded_by text,
    PRIMARY KEY (session, signal_id, ts)
) WITH (fillfactor = 80);
CREATE INDEX signals_page ON signals (session, ts, sequence);

CREATE TABLE refusals (
    session text NOT NULL,
    signal_id text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    rule text NOT NULL,
    "limit" numeric,
    value numeric,
    text text NOT NULL,
    PRIMARY KEY (session, signal_id, ts, sequence)
);
CREATE INDEX refusals_page ON refusals (session, ts, sequence);

CREATE TABLE notes (
    session text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    strategy text NOT NULL,
    level text NOT NULL,
    text text NOT NULL,
    location text NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

-- Orders. Plain tables: what identifies an order or a fill holds for all time.

CREATE TABLE orders (
    session text NOT NULL,
    order_id text NOT NULL,
    client_order_id text NOT NULL,
    signal_id text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    ordinal bigint NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    side text NOT NULL,
    type text NOT NULL,
    quantity numeric NOT NULL,
    limit_price numeric,
    stop_price numeric,
    time_in_force text NOT NULL,
    expire_at bigint,
    post_only boolean NOT NULL,
    reduce_only boolean NOT NULL,
    parent_id text,
    algo text,
    reference_price numeric NOT NULL,
    collar_price numeric,
    reason text NOT NULL,
    model_version text,
    correlation_bucket text,
    checks json NOT NULL,
    status text NOT NULL DEFAULT 'approved',
    routed_at bigint,
    venue_order_id text,
    changed_at bigint,
    quantity_filled numeric NOT NULL DEFAULT 0,
    -- Sum of price x quantity over the fills, exact; the average is derived from it.
    value_filled numeric NOT NULL DEFAULT 0,
    average_price numeric GENERATED ALWAYS AS (value_filled / NULLIF(quantity_filled, 0)) STORED,
    -- Sum of the fills' fees in fee_currency; NULL when they were charged in several currencies.
    fees numeric DEFAULT 0,
    fee_currency text,
    PRIMARY KEY (session, order_id),
    UNIQUE (session, client_order_id)
) WITH (fillfactor = 70);
CREATE INDEX orders_page ON orders (session, ts, sequence);

CREATE TABLE order_events (
    session text NOT NULL,
    order_id text NOT NULL,
    number bigint NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (session, order_id, number)
);

CREATE TABLE fills (
    session text NOT NULL,
    fill_id text NOT NULL,
    order_id text NOT NULL,
    order_ordinal bigint NOT NULL,
    number bigint NOT NULL,
    ts bigint NOT NULL,
    ts_known bigint NOT NULL,
    sequence bigint NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    venue text NOT NULL,
    side text NOT NULL,
    price numeric NOT NULL,
    quantity numeric NOT NULL,
    fee numeric NOT NULL,
    fee_currency text NOT NULL,
    liquidity text NOT NULL,
    PRIMARY KEY (session, fill_id)
);
CREATE INDEX fills_page ON fills (session, ts, sequence);
CREATE INDEX fills_order ON fills (session, order_id);

-- Money

CREATE TABLE positions (
    session text NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    quantity numeric NOT NULL,
    average_price numeric,
    pnl_realized numeric NOT NULL,
    fees numeric NOT NULL,
    currency text NOT NULL,
    fill_id text,
    PRIMARY KEY (session, strategy, instrument, ts, sequence)
);

CREATE TABLE balances (
    session text NOT NULL,
    venue text NOT NULL,
    currency text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    total numeric NOT NULL,
    available numeric NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (session, venue, currency, ts, sequence)
);

CREATE TABLE pnl (
    session text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    -- NULL is the account.
    strategy text,
    currency text NOT NULL,
    equity numeric NOT NULL,
    pnl_realized numeric NOT NULL,
    pnl_unrealized numeric NOT NULL,
    fees numeric NOT NULL,
    gross_exposure numeric NOT NULL,
    net_exposure numeric NOT NULL,
    reserved numeric NOT NULL,
    equity_peak numeric NOT NULL,
    drawdown_max numeric NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

-- Operation

-- Of no session (''): what came before the first one that this log tells of.
CREATE TABLE quarantine (
    session text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    family text NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    raw bytea NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);

CREATE TABLE audit (
    session text NOT NULL,
    ts bigint NOT NULL,
    sequence bigint NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    command_id text,
    details json NOT NULL,
    PRIMARY KEY (session, ts, sequence)
);
CREATE INDEX audit_command ON audit (command_id);

CREATE TABLE metrics (
    session text NOT NULL,
    name text NOT NULL,
    ts bigint NOT NULL,
    value double precision NOT NULL,
    labels jsonb NOT NULL
);
CREATE INDEX metrics_name_ts ON metrics (name, ts);

-- migrate: rollback

DROP TABLE metrics, audit, quarantine, pnl, balances, positions, fills, order_events, orders, notes, refusals,
    signals, regimes, features, gaps, instrument_statuses, instruments, rates, fundings, liquidations, bars,
    book_changes, quotes, trades, cursors, sessions;
DROP FUNCTION penstock_time(bigint);
