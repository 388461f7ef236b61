"""A blocking subscriber: `python -m tests.bench.subscriber SOCKET`. Prints how many microseconds each message took."""

import json
import sys
import time

import redis

CHANNEL = "bench"


def main() -> None:
    taken: list[float] = []
    with redis.Redis(unix_socket_path=sys.argv[1]) as client, client.pubsub(ignore_subscribe_messages=False) as channel:
        channel.subscribe(CHANNEL)
        for message in channel.listen():
            now = time.time_ns()
            if message["type"] == "subscribe":
                print("ready", flush=True)
            elif message["data"] == b"end":
                break
            else:
                taken.append((now - int(message["data"])) / 1000)
    print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
