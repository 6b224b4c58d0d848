"""`python -m stoneware`."""

from stoneware.cli.main import main

if __name__ == "__main__":
    main()
