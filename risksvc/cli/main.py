"""The entry point of `risksvc`. It imports everything else itself, so that an install without [server] fails kindly."""

import sys


def main() -> None:
    """Run the command line; exits with a code of `risksvc.cli.exit_codes`."""
    try:
        from risksvc.cli.app import app  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        print(f"risksvc: {error.name} is not installed: pip install 'risksvc[server]'", file=sys.stderr)
        sys.exit(2)
    app(prog_name="risksvc")


if __name__ == "__main__":
    main()
