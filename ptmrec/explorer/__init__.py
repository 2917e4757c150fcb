"""The panel of widgets for recommendations in a notebook."""
