"""`python tools/test.py CONFIG CHECKPOINT`: the same as `mmseg test CONFIG CHECKPOINT`."""

from mmseg.cli.test import main

if __name__ == '__main__':
    main()
