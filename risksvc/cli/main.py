"""The entry point of `risksvc`. It imports everything else itself, so that an install without [server] fails kindly."""

import os
import sys


def main() -> None:
    """Run the command line; exits with a code of `risksvc.cli.exit_codes`."""
    # gRPC writes a line of its own for each handshake that fails, and a port scan must not fill a log. Who is looking
    # for the reason sets GRPC_VERBOSITY=INFO. Read when gRPC is imported, so it is said before anything else.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        from risksvc.cli.app import app  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        print(f"risksvc: {error.name} is not installed: pip install 'risksvc[server]'", file=sys.stderr)
        sys.exit(2)
    app(prog_name="risksvc")


if __name__ == "__main__":
    main()
