"""Studies behind the tables: each takes a project and gives a frame."""
