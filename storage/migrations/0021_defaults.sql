-- What a new order has where its person chose nothing: a person's own choices in a server, and
-- those of a channel. The model of a channel stands in server.channel_models.

CREATE TABLE order_default (
    guild_id   INTEGER NOT NULL,
    whose      TEXT    NOT NULL CHECK (whose IN ('user', 'channel')),
    target     INTEGER NOT NULL,  -- the person's or the channel's id
    provider   TEXT,
    model      TEXT,
    resolution TEXT,
    duration   INTEGER CHECK (duration > 0),
    sound      INTEGER CHECK (sound IN (0, 1)),
    threads    INTEGER CHECK (threads IN (0, 1)),  -- 0: clips are posted in the channel itself
    PRIMARY KEY (guild_id, whose, target),
    CHECK (whose = 'channel' OR threads IS NULL),  -- where clips go is the channel's to say
    CHECK (whose = 'user' OR (provider IS NULL AND model IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX order_default_of_user ON order_default (target) WHERE whose = 'user';
