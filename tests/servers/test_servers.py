"""The real servers that other tests stand on do what those expect of them."""


def consume(broker, account, queue):
    got = broker.tool("get", account, "--queue", queue)
    return got.stdout if got.returncode == 0 else None


def test_accounts_of_a_broker_are_separate(rabbitmq):
    one, other = rabbitmq.account(), rabbitmq.account()
    for account in (one, other):
        assert rabbitmq.tool("declare-queue", account, "--queue", "q").returncode == 0
    assert rabbitmq.tool("publish", one, "-r", "q", "-b", "hello").returncode == 0
    assert consume(rabbitmq, other, "q") is None
    assert consume(rabbitmq, one, "q") == b"hello"
    stranger = one._replace(plain_url=one.plain_url.replace("node-s3cret", "wrong"))
    assert b"403" in rabbitmq.tool("publish", stranger, "-r", "q", "-b", "m").stderr


def test_a_database_that_is_killed_keeps_what_it_committed(own_postgresql):
    url = own_postgresql.database()
    own_postgresql.sql("CREATE TABLE t(n integer); INSERT INTO t VALUES (1), (2)", url)
    own_postgresql.kill()
    own_postgresql.start()
    assert own_postgresql.sql("SELECT n FROM t ORDER BY n", url) == [["1"], ["2"]]


def test_databases_are_separate(postgresql):
    one, other = postgresql.database(), postgresql.database()
    postgresql.sql("CREATE TABLE t(n integer)", one)
    assert postgresql.sql("SELECT count(*) FROM pg_tables WHERE tablename = 't'", other) == [["0"]]
