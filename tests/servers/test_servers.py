"""The real servers that other tests stand on do what those expect of them."""

import asyncio

import pytest

from servers import amqp


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


def test_the_client_for_tests_confirms_and_gets(rabbitmq):
    account = rabbitmq.account()
    body = bytes(range(256)) * 1024

    async def publish():
        connection = await amqp.Amqp.connect(account.url, rabbitmq.ca)
        await connection.declare("q")
        for number in range(3):
            await connection.publish("", "q", body, f"id {number}")
        with pytest.raises(amqp.AmqpError, match="312"):
            await connection.publish("", "nobody's", b"", "id")
        await connection.close()

    asyncio.run(publish())
    got = amqp.take_all(account.plain_url, "q")
    assert [message.properties["message_id"] for message in got] == ["id 0", "id 1", "id 2"]
    assert {message.body for message in got} == {body}
    assert got[0].routing_key == "q" and got[0].properties["delivery_mode"] == 2
