"""What made the thesis: the zoo, the studies, figures and tables; it imports ptmrec and is never imported by it."""
