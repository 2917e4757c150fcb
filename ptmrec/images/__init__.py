"""Read a user's images: folders, lists, arrays and data sets become images with labels and an account of them."""
