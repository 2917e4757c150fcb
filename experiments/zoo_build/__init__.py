"""Making the zoo: training, measuring, publishing and checking it."""
