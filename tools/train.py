"""`python tools/train.py CONFIG`: the same as `mmseg train CONFIG`."""

from mmseg.cli.train import main

if __name__ == '__main__':
    main()
