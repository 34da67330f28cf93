"""`python -m mmied`."""

import sys

from mmied.cli import main

if __name__ == "__main__":
    sys.exit(main())
