"""``python -m ptmrec``."""

from ptmrec.cli import main

main(prog_name="ptmrec")
