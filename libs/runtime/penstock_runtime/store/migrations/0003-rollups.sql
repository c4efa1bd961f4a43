-- Bars of longer intervals made from one-minute bars, kept for longer than these
-- depends: 0002-archive

-- Derived: `penstock db maintain` makes and renews them, a query computes what is not there yet. `progress`
-- says up to which time of receipt a session's bars are in them.

-- migrate: apply

CREATE FUNCTION penstock_bucket_end(ts bigint, width bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (ts + width - 1) / width * width;

CREATE TABLE bar_rollups (
    session text NOT NULL,
    instrument text NOT NULL,
    source text NOT NULL,
    interval bigint NOT NULL,
    ts bigint NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    trades bigint,
    vwap double precision,
    flags smallint NOT NULL,
    -- How many bars it is made of.
    bars bigint NOT NULL,
    PRIMARY KEY (session, instrument, source, interval, ts)
);

CREATE TABLE rollup_progress (
    session text PRIMARY KEY,
    ts_init bigint NOT NULL
);

-- migrate: rollback

DROP TABLE rollup_progress, bar_rollups;
DROP FUNCTION penstock_bucket_end(bigint, bigint);
