"""`python -m tma_prep_cli` is `tma-prep`."""

from tma_prep_cli.main import main

main()
