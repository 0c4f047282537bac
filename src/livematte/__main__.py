"""Where the command ``livematte`` and ``python -m livematte`` begin.

The imports take a moment, in which Ctrl-C must end the command as quietly as later.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; always ends in :class:`SystemExit`."""
    try:
        from livematte.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
