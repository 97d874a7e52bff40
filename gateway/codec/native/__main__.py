"""`python -m gateway.codec.native`: build the transcoder where that can be done."""

from gateway.codec.native.build import build

if __name__ == "__main__":
    print(build())  # noqa: T201
