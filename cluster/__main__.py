"""`python -m cluster ...` is `openbook ...`."""

from cluster.cli import main

if __name__ == "__main__":
    main()
