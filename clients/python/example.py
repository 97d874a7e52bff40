"""Creates a bot, starts it, follows its log and prints how it ended: `python example.py HOST:PORT OWNER`."""

import sys

from switchyard_client import Client, SwitchyardError, errors, word


def main(arguments: list[str]) -> int:
    """Return 0 if the run succeeded, 1 if not or if a call was refused, 2 if the server cannot be reached."""
    if len(arguments) != 2:
        print("usage: example.py HOST:PORT OWNER", file=sys.stderr)
        return 2
    address, owner = arguments
    try:
        with Client(address) as client:
            return follow(client, owner)
    except errors.Unavailable:
        print(f"cannot reach {address}", file=sys.stderr)
        return 2
    except SwitchyardError as error:
        print(f"{error.code.name}: {error.message}", file=sys.stderr)
        return 1


def follow(client: Client, owner: str) -> int:
    """Run a bot of `owner` and print its log line by line."""
    bot = client.bots.create(owner_type="user", owner_id=owner, bot_code="noop")
    print("created", bot.bot_code)
    run = client.bots.start(bot.id)
    print("started", flush=True)
    logs = client.bots.logs(bot.id, run_id=run.run_id)
    for line in logs:
        print(word(line, "level") if line.level else "info", line.message, flush=True)
    if logs.end is None:
        print("the log broke off", file=sys.stderr)
        return 1
    print("ended", logs.end.text)
    return 0 if word(logs.end, "status") == "success" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
