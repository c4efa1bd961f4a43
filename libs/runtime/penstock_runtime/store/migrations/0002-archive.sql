-- The archive: what has left the log, or soon will, byte for byte
-- depends: 0001-projection

-- A row holds a run of the log without a hole, compressed by the one who writes it. `stream` names the log
-- and when it was created: the sequences of another log begin at 1 again.

-- migrate: apply

CREATE TABLE archive (
    stream text NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL CHECK (last_sequence >= first_sequence),
    genesis bigint,
    data bytea NOT NULL,
    PRIMARY KEY (stream, first_sequence)
);

ALTER TABLE archive ALTER COLUMN data SET STORAGE EXTERNAL;

-- migrate: rollback

DROP TABLE archive;
